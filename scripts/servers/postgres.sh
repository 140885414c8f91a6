# PostgreSQL from Debian 12's own package, with its data in the state directory.

postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

postgres_install() {
    # The package's script would make and start a system-wide cluster; one of ours is all that is needed.
    if [ -z "$(postgres_bin)" ]; then
        as_root mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] ||
            echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
        ensure_packages postgresql
    fi
}

postgres_start() {
    local dir=$1 bin port password user runner=()
    shift
    bin=$(postgres_bin)
    password=$(random_secret)
    user=$(id -un)
    # The server refuses to run as root.
    if [ "$(id -u)" = 0 ]; then user=postgres runner=(setpriv --reuid=postgres --regid=postgres --init-groups); fi
    mkdir -p -m 711 "$dir"
    install -d -o "$user" -m 700 "$dir/run"
    install -o "$user" -m 600 /dev/stdin "$dir/run/password" <<<"$password"
    "${runner[@]}" "$bin/initdb" -D "$dir/run/data" -U root --pwfile="$dir/run/password" -A scram-sha-256 -E UTF8 \
        >"$dir/install.log" 2>&1 9>&- || {
        tail -n 15 "$dir/install.log" >&2
        die "initdb failed"
    }
    port=$(free_port)
    spawn "$dir" "${runner[@]}" "$bin/postgres" -D "$dir/run/data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c fsync=off "$@"
    wait_ready "$dir" postgres 60 env PGPASSWORD="$password" psql -h 127.0.0.1 -p "$port" -U root -d postgres -c 'SELECT 1' ||
        die "postgres did not start; its log is $dir/log"
    write_env "$dir" postgres "$port" root "$password"
}

postgres_clean() { :; }
