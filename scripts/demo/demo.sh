#!/bin/bash
# demo.sh PENSTOCK [--check]: the main job on a database of its own. See ./dev demo.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../lib/common.sh"
. "$here/../servers/process.sh"

penstock=$1
check=${2:-}
[ -z "$check" ] || [ "$check" = --check ] || die "unknown option $check (there is --check)"

work=$(mktemp -d /tmp/penstock-demo-XXXXXX)
chmod 711 "$work"
data=$work/data
pipe=$work/shop.yaml
pid_of_trickle=

clean_up() {
    local code=$?
    # A second Ctrl-C must not cut the cleaning short, in this shell or below.
    trap - EXIT
    trap '' INT TERM
    # In the order of the data: writer, pipe (with its engine), source.
    stop_trickle
    [ ! -d "$work/pipe" ] || end_process "$work/pipe" || true
    "$here/../servers/servers.sh" stop --state "$work/servers" || true
    rm -rf -- "$work"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_source() {
    "$here/../servers/servers.sh" start mariadb --state "$work/servers" >/dev/null
    . "$work/servers/servers.env"
    say "Filling the shop"
    PENSTOCK_DEMO_PASSWORD=$(random_secret)
    export PENSTOCK_DEMO_PASSWORD
    sed "s/@PIPE_PASSWORD@/$PENSTOCK_DEMO_PASSWORD/" "$here/schema.sql" | source_client
    sed "s/@PORT@/$PENSTOCK_TEST_MARIADB_PORT/" "$here/shop.yaml" >"$pipe"
}

source_client() {
    MYSQL_PWD=$PENSTOCK_TEST_MARIADB_PASSWORD mariadb --no-defaults --default-character-set=utf8mb4 \
        -h 127.0.0.1 -P "$PENSTOCK_TEST_MARIADB_PORT" -u root "$@"
}

# In a process group of its own, so that one signal ends both halves of the pipeline.
start_trickle() {
    export -f source_client
    export PENSTOCK_TEST_MARIADB_PASSWORD PENSTOCK_TEST_MARIADB_PORT
    setsid bash -c 'bash "$1" "$2" | source_client --force shop' _ "$here/trickle.sh" "$1" >"$work/trickle.log" 2>&1 </dev/null &
    pid_of_trickle=$!
}

# Lets the client finish what it was given: a transaction cut off is one that was never there.
stop_trickle() {
    [ -n "$pid_of_trickle" ] || return 0
    kill -TERM -- "-$pid_of_trickle" 2>/dev/null || true
    wait "$pid_of_trickle" 2>/dev/null || true
    pid_of_trickle=
}

state() {
    "$penstock" status "$pipe" --data-dir "$data" --output json 2>/dev/null |
        sed -n 's/^  "state": "\([A-Za-z]*\)".*/\1/p'
}

# Where both sides answer. The engine's addresses are there as soon as the pipe has started it.
print_addresses() {
    local ports
    read -r -a ports <"$data/clickhouse/ports"
    cat <<TEXT

MariaDB     MYSQL_PWD=$PENSTOCK_TEST_MARIADB_PASSWORD mariadb -h 127.0.0.1 -P $PENSTOCK_TEST_MARIADB_PORT -u root shop
ClickHouse  curl --user "penstock:\$(cat $data/clickhouse/password)" http://127.0.0.1:${ports[0]} \\
              --data 'SELECT status, count() FROM shop.orders FINAL WHERE _peerdb_is_deleted = 0 GROUP BY status FORMAT Pretty'
in a page   http://127.0.0.1:${ports[0]}/play?user=penstock   (the password is in $data/clickhouse/password)

TEXT
}

wait_for_state() {
    local wanted=$1 seconds=$2 deadline now
    deadline=$((SECONDS + seconds))
    while now=$(state || true) && [ "$now" != "$wanted" ]; do
        if [ "$now" = Failed ] || ! is_running "$work/pipe"; then
            tail -n 20 "$work/pipe/log" >&2
            die "the pipe is ${now:-not there}, and should be $wanted; its last lines are above"
        fi
        [ "$SECONDS" -lt "$deadline" ] || die "the pipe is still ${now:-not there} after $seconds s, and should be $wanted"
        sleep 0.3
    done
}

start_source
if [ -z "$check" ]; then
    start_trickle 1000000
    say "Running the pipe; Ctrl-C ends the demo and deletes its data"
    # The addresses come once the load is through, so that they stay on the screen.
    (
        until [ "$(state || true)" = Running ]; do sleep 1; done
        print_addresses
    ) 9>&- &
    # Ctrl-C reaches the pipe itself, which then pauses; this shell goes on to clean up.
    trap : INT
    "$penstock" run "$pipe" --data-dir "$data" || true
    exit 0
fi

start_trickle 100
say "Running the pipe"
mkdir -p "$work/pipe"
spawn "$work/pipe" "$penstock" run "$pipe" --data-dir "$data"
wait_for_state Running 300
say "Running; the shop stays open for a while"
wait "$pid_of_trickle" || die "the load generator failed: $(tail -n 3 "$work/trickle.log")"
pid_of_trickle=
[ ! -s "$work/trickle.log" ] || die "the load generator met errors: $(tail -n 3 "$work/trickle.log")"
say "The shop is closed; comparing both sides"
# The last changes may be under way: the sync interval is one second.
for try in {1..20}; do
    if "$penstock" verify "$pipe" --data-dir "$data" >"$work/verify.log" 2>&1; then
        cat "$work/verify.log"
        echo "EQUAL: MariaDB and ClickHouse hold the same rows and values"
        exit 0
    fi
    sleep 1
done
cat "$work/verify.log"
tail -n 20 "$work/pipe/log" >&2
echo "DIFFERENT: see above"
exit 1
