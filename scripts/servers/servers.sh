#!/bin/bash
# ./dev servers: real servers for development and tests, on free loopback ports.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../lib/common.sh"
. "$here/../lib/packages.sh"
. "$here/process.sh"
. "$here/tree.sh"
. "$here/mysql.sh"
. "$here/mariadb.sh"
. "$here/mariadb11.sh"
. "$here/clickhouse.sh"
. "$here/postgres.sh"

KNOWN=(mysql mariadb mariadb11 clickhouse postgres)

usage() {
    cat <<'TEXT'
usage: ./dev servers start  [NAME...] [--state DIR] [-- SERVER_ARGUMENT...]
       ./dev servers stop   [NAME...] [--state DIR]
       ./dev servers restart NAME...  [--state DIR] [-- SERVER_ARGUMENT...]
       ./dev servers save|restore NAME...  [--state DIR]
       ./dev servers status [NAME...] [--state DIR] [--output text|env]

NAME is mysql (9.7), mariadb (10.11), mariadb11 (11.8), clickhouse or postgres. start without a name starts
mysql and mariadb; stop without a name stops all of them.

Each server listens on a free port of 127.0.0.1 and has a user `root` with a generated password (clickhouse:
`default`). `stop` ends it by its process id and deletes its data; `restart` keeps data, port and arguments (of
mysql, mariadb and mariadb11); so does `save`, which leaves a copy of the data behind, and `restore` puts that copy
in its place, as a person does who restores a backup. --state (or PENSTOCK_SERVERS_STATE) chooses
where a set of servers lives, so that several sets can run at once. What follows `--` is given to every server
that is started, e.g.  ./dev servers start mysql -- --binlog-format=STATEMENT. A `restart` with `--` gives the server
these in the place of those of an earlier `restart`.

`status --output env` prints shell assignments, also found in DIR/servers.env:
PENSTOCK_TEST_MYSQL_HOST, _PORT, _USER, _PASSWORD, _SOCKET and _CA_FILE (the authority of its certificate; likewise
MARIADB, MARIADB11, POSTGRES, without _CA_FILE), and PENSTOCK_TEST_CLICKHOUSE_URL, _USER and _PASSWORD.
TEXT
}

names=() extra=() has_extra= output=text command=
state=${PENSTOCK_SERVERS_STATE:-/tmp/penstock-servers-$(id -u)}

parse() {
    [ $# -gt 0 ] || {
        usage
        exit 2
    }
    command=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --state) state=${2:?--state needs a directory} && shift ;;
            --output) output=${2:?--output needs text or env} && shift ;;
            --)
                shift
                extra=("$@") has_extra=yes
                return
                ;;
            -h | --help)
                usage
                exit 0
                ;;
            -*) die "unknown option $1 (see ./dev servers --help)" ;;
            *)
                [[ " ${KNOWN[*]} " = *" $1 "* ]] || die "unknown server '$1' (there are: ${KNOWN[*]})"
                names+=("$1")
                ;;
        esac
        shift
    done
}

# The directory may lie in /tmp: take one that exists only when it is ours.
open_state() {
    mkdir -p -m 711 "$state"
    state=$(cd "$state" && pwd)
    [ -O "$state" ] || die "$state belongs to somebody else; choose another with --state DIR"
    # The servers run as another user and must get through to what is theirs.
    chmod a+x "$state"
}

# The variables of one server, in DIR/env.
write_env() {
    local dir=$1 name=$2 port=$3 user=$4 password=$5 prefix
    prefix=PENSTOCK_TEST_${name^^}
    (
        umask 077
        {
            echo "${prefix}_HOST=127.0.0.1"
            echo "${prefix}_PORT=$port"
            echo "${prefix}_USER=$user"
            echo "${prefix}_PASSWORD=$password"
            [ ! -L "$dir/sock" ] || echo "${prefix}_SOCKET=$dir/sock"
            [ ! -f "$dir/ca.pem" ] || echo "${prefix}_CA_FILE=$dir/ca.pem"
            echo "${prefix}_PID=$(cut -d' ' -f1 "$dir/pid")"
        } >"$dir/env"
    )
}

probe_mysql() { MYSQL_PWD=$2 mariadb --no-defaults --connect-timeout=2 -h 127.0.0.1 -P "$1" -u root -e 'SELECT 1'; }

# Starts one of the three that speak MySQL's protocol; another port when somebody was faster.
start_sql_server() {
    local name=$1 dir=$2 port password try
    password=$(random_secret)
    for try in 1 2 3; do
        rm -rf -- "$dir"
        mkdir -p -m 711 "$dir"
        port=$(free_port)
        "${name}_start" "$dir" "$port" "$password" "${extra[@]}"
        if wait_ready "$dir" "$name" 120 probe_mysql "$port" "$password"; then
            write_env "$dir" "$name" "$port" root "$password"
            return
        fi
        end_process "$dir"
        "${name}_clean" "$dir"
        grep -qi 'address already in use' "$dir/log" || break
    done
    die "$name did not start; its log is $dir/log"
}

start_one() {
    local name=$1 dir=$state/$1
    if [ -e "$dir/env" ] && is_running "$dir"; then
        [ ${#extra[@]} = 0 ] || die "$name is already running; stop it first to give it other arguments"
        return
    fi
    "${name}_install"
    say "Starting $name"
    stop_one "$name"
    case $name in
        mysql | mariadb | mariadb11) start_sql_server "$name" "$dir" ;;
        *) "${name}_start" "$dir" "${extra[@]}" ;;
    esac
}

# Where its data is.
data_of() { if [ -e "$1/outside" ]; then echo "$(cat "$1/outside")/data"; else echo "$1/run/data"; fi; }

# restart_one NAME [DO]: between its end and its start DO may change its data.
restart_one() {
    local name=$1 dir=$state/$1 between=${2:-true} port password
    [ -e "$dir/env" ] || die "$name is not started"
    port=$(sed -n 's/^PENSTOCK_TEST_[A-Z0-9]*_PORT=//p' "$dir/env")
    password=$(sed -n 's/^PENSTOCK_TEST_[A-Z0-9]*_PASSWORD=//p' "$dir/env")
    say "Restarting $name"
    end_process "$dir"
    "$between" "$(data_of "$dir")"
    if [ -n "$has_extra" ]; then
        [ -e "$dir/command.first" ] || cp "$dir/command" "$dir/command.first"
        cp "$dir/command.first" "$dir/command"
        [ ${#extra[@]} = 0 ] || printf '%s\0' "${extra[@]}" >>"$dir/command"
    fi
    respawn "$dir"
    wait_ready "$dir" "$name" 120 probe_mysql "$port" "$password" || die "$name did not start; its log is $dir/log"
    write_env "$dir" "$name" "$port" root "$password"
}

save_data() {
    as_root rm -rf -- "$1.saved"
    as_root cp -a "$1" "$1.saved"
}
restore_data() {
    as_root test -d "$1.saved" || die "nothing was saved"
    as_root rm -rf -- "$1"
    as_root cp -a "$1.saved" "$1"
}

stop_one() {
    local name=$1 dir=$state/$1
    [ -d "$dir" ] || return 0
    end_process "$dir"
    "${name}_clean" "$dir"
    rm -rf -- "$dir" 2>/dev/null || as_root rm -rf -- "$dir"
}

refresh_env() {
    (
        umask 077
        cat "$state"/*/env 2>/dev/null >"$state/servers.env.new" || true
    )
    mv "$state/servers.env.new" "$state/servers.env"
}

print_status() {
    local name dir
    for name in "$@"; do
        dir=$state/$name
        if [ ! -e "$dir/env" ]; then
            [ "$output" = env ] || echo "$name: not started"
        elif ! is_running "$dir"; then
            [ "$output" = env ] || echo "$name: ended by itself; its log is $dir/log"
        elif [ "$output" = env ]; then
            cat "$dir/env"
        else
            echo "$name: running"
            sed -E 's/^PENSTOCK_TEST_[A-Z0-9]+_([A-Z_]+)=/    \L\1\E = /' "$dir/env"
        fi
    done
}

do_start() {
    local name
    for name in "${names[@]}"; do start_one "$name"; done
    refresh_env
    print_status "${names[@]}"
}

do_restart() {
    local name
    for name in "${names[@]}"; do restart_one "$name" "$@"; done
    refresh_env
}

do_stop() {
    local name
    for name in "${names[@]}"; do stop_one "$name"; done
    refresh_env
    # With the last server the directory goes too, unless somebody else's files are in it.
    grep -q . "$state/servers.env" || { rm -f "$state/servers.env" "$state/lock" && rmdir "$state" 2>/dev/null || true; }
}

parse "$@"
case $command in
    start)
        [ ${#names[@]} -gt 0 ] || names=(mysql mariadb)
        open_state
        with_lock "$state/lock" do_start
        ;;
    stop)
        [ ${#names[@]} -gt 0 ] || names=("${KNOWN[@]}")
        [ -d "$state" ] || exit 0
        open_state
        with_lock "$state/lock" do_stop
        ;;
    restart)
        [ ${#names[@]} -gt 0 ] || die "restart needs the name of a server"
        open_state
        with_lock "$state/lock" do_restart
        ;;
    save | restore)
        [ ${#names[@]} -gt 0 ] || die "$command needs the name of a server"
        open_state
        with_lock "$state/lock" do_restart "${command}_data"
        ;;
    status)
        [ ${#names[@]} -gt 0 ] || names=("${KNOWN[@]}")
        print_status "${names[@]}"
        ;;
    -h | --help | help) usage ;;
    *) die "unknown command '$command' (start, stop, restart, save, restore or status)" ;;
esac
