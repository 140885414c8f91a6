# MariaDB 10.11 from Debian 12's own package, with its data in the state directory. Only the -core package is
# used, so that installing it starts no system-wide server.

mariadb_install() { ensure_packages mariadb-server-core mariadb-client; }

# The server will not run as root unless told so; take the package's own user, or make it.
mariadb_user() {
    if [ "$(id -u)" != 0 ]; then
        id -un
    else
        id mysql >/dev/null 2>&1 || useradd -r -M -d /nonexistent -s /usr/sbin/nologin mysql
        echo mysql
    fi
}

mariadb_start() {
    local dir=$1 port=$2 password=$3
    shift 3
    local user
    user=$(mariadb_user)
    install -d -o "$user" -m 755 "$dir/run"
    # --force: the machine's own name need not resolve
    mariadb-install-db --no-defaults --force --user="$user" --datadir="$dir/run/data" --skip-test-db \
        --skip-name-resolve --auth-root-authentication-method=normal >"$dir/install.log" 2>&1 9>&- || {
        tail -n 15 "$dir/install.log" >&2
        die "mariadb-install-db failed"
    }
    mariadb_init_sql "$password" | install -o "$user" -m 600 /dev/stdin "$dir/run/init.sql"
    ln -sfn "$dir/run/sock" "$dir/sock"
    mapfile -t options < <(mariadb_options "$dir/run" "$port")
    if [[ " $* " = *" --encrypt-binlog=ON "* ]]; then
        mariadb_keys "$dir/run" "$user"
        options+=(--plugin-dir="$dir/run/plugin" --plugin-load-add=file_key_management
            --file-key-management-filename="$dir/run/keys")
    fi
    spawn "$dir" mariadbd --no-defaults --user="$user" --basedir=/usr "${options[@]}" "$@"
}

mariadb_init_sql() {
    printf '%s\n' "SET sql_log_bin = 0;" \
        "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');" \
        "FLUSH PRIVILEGES;" \
        "ALTER USER root@localhost IDENTIFIED BY '$1';" \
        "CREATE USER root@'%' IDENTIFIED BY '$1';" \
        "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
}

# Where the files are as the server sees them, and the port.
mariadb_options() {
    # A server that starts removes what it takes for left over of an own one in its directory for temporary tables.
    printf '%s\n' --datadir="$1/data" --tmpdir="$1/data" --socket="$1/sock" --pid-file="$1/mariadbd.pid" \
        --init-file="$1/init.sql" --bind-address=127.0.0.1 --port="$2" \
        --skip-name-resolve --local-infile=ON --character-set-server=utf8mb4 \
        --server-id=1 --log-bin=binlog --gtid-strict-mode=ON \
        --binlog-format=ROW --binlog-row-image=FULL --binlog-row-metadata=FULL \
        --innodb-flush-log-at-trx-commit=2 --sync-binlog=0 --innodb-buffer-pool-size=256M \
        --max-connections=200
}

# Encryption takes its keys from a plugin, which is in the package that would also start a system-wide server:
# only the one file is taken out of it.
mariadb_keys() {
    local run=$1 user=$2 version cached work
    version=$(dpkg-query -W -f '${Version}' mariadb-server-core)
    cached=$PENSTOCK_CACHE/file_key_management-${version//[^0-9A-Za-z.]/_}.so
    if [ ! -e "$cached" ]; then
        work=$(mktemp -d)
        (cd "$work" && apt-get -qq download "mariadb-server=$version" && dpkg-deb -x ./*.deb tree) \
            >"$work.log" 2>&1 9>&- || {
            tail -n 5 "$work.log" >&2
            die "apt-get could not download mariadb-server=$version"
        }
        mv "$work/tree/usr/lib/mysql/plugin/file_key_management.so" "$cached"
        rm -rf -- "$work" "$work.log"
    fi
    install -d -o "$user" -m 755 "$run/plugin"
    install -o "$user" -m 644 "$cached" "$run/plugin/file_key_management.so"
    echo "1;$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" | install -o "$user" -m 600 /dev/stdin "$run/keys"
}

mariadb_clean() { :; }
