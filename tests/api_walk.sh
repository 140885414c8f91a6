#!/bin/bash
# A pipe's life with curl alone: created, watched through its states, stopped, started, given a table, relieved of one,
# loaded anew, deleted. Every state is seen or told by the events, each event with its time and reason.
#
# Usage: api_walk.sh PENSTOCK. The servers are those of PENSTOCK_TEST_* (./dev test).
set -euo pipefail

penstock=$1
: "${PENSTOCK_TEST_MARIADB_PORT:?run by ./dev test}"
directory=$(mktemp -d)
database=api_walk_$$
serve=

finish() {
    local code=$?
    if [ -n "$serve" ]; then
        kill "$serve" 2>/dev/null && wait "$serve" || true
    fi
    if [ "$code" != 0 ]; then
        echo "--- log of penstock serve"
        cat "$directory/log" 2>/dev/null || true
    fi
    rm -rf "$directory"
    exit "$code"
}
trap finish EXIT

fail() { echo "api_walk: $*" >&2; exit 1; }

sql() {
    mariadb --host="$PENSTOCK_TEST_MARIADB_HOST" --port="$PENSTOCK_TEST_MARIADB_PORT" \
        --user="$PENSTOCK_TEST_MARIADB_USER" --password="$PENSTOCK_TEST_MARIADB_PASSWORD" --batch -e "$1"
}
clickhouse() {
    curl -sS --fail-with-body --user "$PENSTOCK_TEST_CLICKHOUSE_USER:$PENSTOCK_TEST_CLICKHOUSE_PASSWORD" \
        "$PENSTOCK_TEST_CLICKHOUSE_URL" --data-binary "$1"
}

sql "DROP DATABASE IF EXISTS $database; CREATE DATABASE $database; USE $database;
     CREATE TABLE orders (id INT PRIMARY KEY, v INT); INSERT INTO orders SELECT seq, seq FROM seq_1_to_20000;
     CREATE TABLE items LIKE orders; INSERT INTO items SELECT * FROM orders;
     CREATE TABLE later LIKE orders; INSERT INTO later SELECT * FROM orders;"

cat >"$directory/config.yaml" <<YAML
data_dir: $directory/data
listen: ["127.0.0.1:0"]
services:
  - {name: target, url: "$PENSTOCK_TEST_CLICKHOUSE_URL", user: "$PENSTOCK_TEST_CLICKHOUSE_USER", password: "$PENSTOCK_TEST_CLICKHOUSE_PASSWORD"}
YAML
"$penstock" serve --config "$directory/config.yaml" --output json >"$directory/facts" 2>"$directory/log" &
serve=$!
for _ in $(seq 300); do
    [ -s "$directory/facts" ] && break
    kill -0 "$serve" 2>/dev/null || fail "penstock serve ended"
    sleep 0.1 # between two looks
done

field() { sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p" | head -n 1; } # the last of that name in a line
url=$(field url <"$directory/facts")
organization=$(field organizationId <"$directory/facts")
user=$(field keyId <"$directory/facts"):$(field keySecret <"$directory/facts")

call() { # METHOD PATH [BODY]
    curl -sS --fail-with-body --user "$user" -X "$1" -H 'Content-Type: application/json; charset=utf-8' \
        "$url/v1/organizations/$organization$2" ${3:+--data-binary "$3"}
}
service=$(call GET /services | tr '{' '\n' | grep '"name":"target"' | field id)
pipes=/services/$service/clickpipes

mapping() {
    echo "{\"sourceSchemaName\": \"$database\", \"sourceTable\": \"$1\", \"targetTable\": \"$1\"}"
}
place="\"host\": \"$PENSTOCK_TEST_MARIADB_HOST\", \"port\": $PENSTOCK_TEST_MARIADB_PORT"
created=$(call POST "$pipes" "{\"name\": \"$database\", \"destination\": {\"database\": \"$database\"},
  \"source\": {\"mysql\": {\"type\": \"mariadb\", $place,
    \"credentials\": {\"username\": \"$PENSTOCK_TEST_MARIADB_USER\", \"password\": \"$PENSTOCK_TEST_MARIADB_PASSWORD\"},
    \"settings\": {\"replicationMode\": \"cdc\", \"syncIntervalSeconds\": 1},
    \"tableMappings\": [$(mapping orders), $(mapping items)]}}}")
pipe=$pipes/$(echo "$created" | grep -o '"id":"[^"]*"' | head -n 1 | field id)

state() { call GET "$pipe" | field state; }
ways() { call GET "$pipe/events" | grep -o '"to":"[^"]*"' | field_of_lines | tr '\n' ' '; }
field_of_lines() { sed 's/.*:"\(.*\)"/\1/'; }
wait_for() { # the states that the events are to end with
    for _ in $(seq 1200); do
        case "$(ways)" in
            *"$1 ") return ;;
            *Failed*) fail "the pipe failed" ;;
        esac
        sleep 0.05 # between two looks
    done
    fail "waited for '$1', saw '$(ways)'"
}

echo "created: $(state)"
wait_for "Setup Snapshot Running"
[ "$(state)" = Running ] || fail "state is $(state)"
call PATCH "$pipe/state" '{"command": "stop"}' >/dev/null
wait_for "Pausing Paused"
call PATCH "$pipe/state" '{"command": "start"}' >/dev/null
wait_for "Paused Running"
call PATCH "$pipe" "{\"source\": {\"mysql\": {$place, \"tableMappingsToAdd\": [$(mapping later)]}}}" >/dev/null
wait_for "Running Setup Snapshot Running"
call PATCH "$pipe" "{\"source\": {\"mysql\": {$place, \"tableMappingsToRemove\": [$(mapping items)]}}}" >/dev/null
wait_for "Modifying Running"
call PATCH "$pipe/state" '{"command": "resync"}' >/dev/null
wait_for "Setup Snapshot Resync Running"
[ "$(clickhouse "SELECT count(), sum(v) FROM $database.later FINAL")" = $'20000\t200010000' ] || fail "later differs"

events=$(call GET "$pipe/events" | tr '{' '\n' | grep '"number"')
echo "$events" | grep -vq '"reason":"[^"]' && fail "an event has no reason"
echo "$events" | grep -vq '"time":"20[0-9-]*T[0-9:.]*Z"' && fail "an event has no time"
echo "$events" | head -n 1 | grep -q '"from":"".*"to":"Provisioning"' || fail "it did not begin in Provisioning"
echo "events: $(ways)"
call DELETE "$pipe" >/dev/null
[ "$(curl -s -o /dev/null -w '%{http_code}' --user "$user" "$url/v1/organizations/$organization$pipe")" = 404 ] ||
    fail "the pipe is still there"
clickhouse "DROP DATABASE $database SYNC"
sql "DROP DATABASE $database"
echo "deleted; every state was seen"
