# A server as a process of its own session: started, known by process id and start time, ended by process id.
# Every function takes the server's state directory, which holds `pid`, `log` and `env`. Needs common.sh.

# A free loopback port below the ephemeral range, so that no outgoing connection sits on it by chance.
free_port() {
    local port try
    for try in {1..100}; do
        port=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    die "no free port found between 12000 and 32000"
}

# The kernel's start time of a process: together with the id it names one process for good.
start_time_of() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # Field 2 is "(name)" and may hold spaces, so count from behind it; start time is field 22.
    awk '{print $20}' <<<"${stat##*) }"
}

# Starts a command as root in a session of its own; it outlives this shell. Output goes to DIR/log.
spawn_as_root() {
    local dir=$1
    shift
    record_command "$dir" spawn_as_root "$@"
    as_root setsid bash -c 'echo $$ >"$0" && exec "$@"' "$dir/pid.new" "$@" \
        </dev/null >>"$dir/log" 2>&1 9>&- &
    record_pid "$dir"
}

# The same, as the user who calls.
spawn() {
    local dir=$1
    shift
    record_command "$dir" spawn "$@"
    setsid bash -c 'echo $$ >"$0" && exec "$@"' "$dir/pid.new" "$@" </dev/null >>"$dir/log" 2>&1 9>&- &
    record_pid "$dir"
}

# How the server was started, for respawn.
record_command() {
    local dir=$1
    shift
    printf '%s\0' "$@" >"$dir/command"
}

# The same command again, for a server that has ended.
respawn() {
    local dir=$1 how
    local -a command
    mapfile -d '' -t command <"$dir/command"
    how=${command[0]}
    "$how" "$dir" "${command[@]:1}"
}

record_pid() {
    local dir=$1 try pid
    for try in {1..100}; do
        pid=$(cat "$dir/pid.new" 2>/dev/null) || true
        [ -n "$pid" ] && break
        sleep 0.05
    done
    [ -n "$pid" ] || die "the server process did not start: $(tail -n 5 "$dir/log")"
    printf '%s %s\n' "$pid" "$(start_time_of "$pid" || echo 0)" >"$dir/pid"
    rm -f "$dir/pid.new"
}

is_running() {
    local pid started
    read -r pid started 2>/dev/null <"$1/pid" || return 1
    [ "$(start_time_of "$pid")" = "$started" ] || return 1
    # A zombie has ended: only its parent has not looked yet.
    [ "$(awk '/^State:/{print $2}' "/proc/$pid/status" 2>/dev/null)" != Z ]
}

# Waits until the probe command succeeds. Fails at once when the server ends, or after the time given.
wait_ready() {
    local dir=$1 name=$2 seconds=$3 deadline
    shift 3
    deadline=$((SECONDS + seconds))
    while ! "$@" >/dev/null 2>"$dir/probe.log"; do
        if ! is_running "$dir"; then
            tail -n 15 "$dir/log" >&2
            warn "$name ended while starting; its log is above"
            return 1
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            tail -n 15 "$dir/log" >&2
            cat "$dir/probe.log" >&2
            warn "$name did not answer within $seconds s; its log is above"
            return 1
        fi
        sleep 0.2
    done
}

# TERM, a bounded wait, then KILL.
end_process() {
    local dir=$1 pid started try
    is_running "$dir" || return 0
    read -r pid started <"$dir/pid"
    as_root_if_needed "$pid" kill -TERM "$pid" 2>/dev/null || true
    for try in {1..300}; do
        is_running "$dir" || return 0
        sleep 0.1
    done
    warn "process $pid did not end within 30 s of SIGTERM, killing it"
    as_root_if_needed "$pid" kill -KILL "$pid" 2>/dev/null || true
    for try in {1..100}; do
        is_running "$dir" || return 0
        sleep 0.1
    done
    die "process $pid does not end"
}

as_root_if_needed() {
    local pid=$1
    shift
    if [ "$(id -u)" = "$(stat -c %u "/proc/$pid" 2>/dev/null)" ]; then "$@"; else as_root "$@"; fi
}
