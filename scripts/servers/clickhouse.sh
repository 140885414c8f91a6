# The embedded ClickHouse of Penstock itself, run by `penstock clickhouse`: build first.

clickhouse_install() {
    [ -n "$(penstock_binary)" ] || die "there is no penstock binary yet: run ./dev build, or set PENSTOCK_BINARY"
    "$REPO_ROOT/scripts/chdb/install.sh" >/dev/null
}

# PENSTOCK_BINARY, or the newest one built.
penstock_binary() {
    if [ -n "${PENSTOCK_BINARY:-}" ]; then
        echo "$PENSTOCK_BINARY"
    else
        ls -t "$REPO_ROOT"/build/*/penstock 2>/dev/null | head -n 1
    fi
}

clickhouse_start() {
    local dir=$1 binary
    shift
    binary=$(penstock_binary)
    mkdir -p -m 711 "$dir"
    spawn "$dir" "$binary" clickhouse --data-dir "$dir/data" --output json "$@"
    # Its one line of JSON on standard output says that it is ready, and where.
    wait_ready "$dir" clickhouse 60 grep -q '"http_port"' "$dir/log" || die "clickhouse did not start; its log is $dir/log"
    python3 - "$dir/log" "$dir/env" "$(cut -d' ' -f1 "$dir/pid")" <<'PY'
import json, os, sys
log, env, pid = sys.argv[1:]
facts = next(json.loads(line) for line in open(log) if '"http_port"' in line)
password = open(facts["password_file"]).read().strip()
with os.fdopen(os.open(env, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
    for key, value in (("URL", facts["url"]), ("HOST", "127.0.0.1"), ("PORT", facts["http_port"]),
                       ("TCP_PORT", facts["tcp_port"]), ("USER", facts["user"]), ("PASSWORD", password), ("PID", pid)):
        out.write(f"PENSTOCK_TEST_CLICKHOUSE_{key}={value}\n")
PY
}

clickhouse_clean() { :; }
