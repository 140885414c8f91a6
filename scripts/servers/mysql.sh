# MySQL (the newest that Debian's unstable has, 9.7 at the time of writing) in a tree of its own, because
# Debian 12 has no MySQL. The tree and an initialized data directory are made once and cached.

mysql_tree="$PENSTOCK_CACHE/trees/mysql"

mysql_install() {
    ensure_packages debootstrap mariadb-client
    make_tree mysql "$mysql_tree" mysql-server-core mysql_finish_tree
}

mysql_finish_tree() {
    local tree=$1
    as_root chroot "$tree" useradd -r -M -d /nonexistent -s /usr/sbin/nologin mysql
    as_root mkdir -p "$tree/instances"
    as_root chroot "$tree" install -d -o mysql -m 750 /template
    # sql_mode and the rest stay as the server ships them: the pipe must cope with the defaults.
    mysql_initialize /template/data "$tree.log"
    # Each copy makes its own server UUID.
    as_root rm -f "$tree/template/data/auto.cnf"
}

# DATA, a directory of the tree, gets what a new server begins with. LOG, and arguments for the server.
mysql_initialize() {
    local data=$1 log=$2
    shift 2
    as_root chroot "${tree:-$mysql_tree}" /usr/sbin/mysqld --no-defaults --initialize-insecure --user=mysql \
        --datadir="$data" --innodb-redo-log-capacity=64M "$@" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "mysqld --initialize failed"
    }
}

mysql_start() {
    local dir=$1 port=$2 password=$3
    shift 3
    local id inside outside
    id=$(basename "$(mktemp -u -t XXXXXXXXXX)")
    inside=/instances/$id
    outside=$mysql_tree$inside
    as_root chroot "$mysql_tree" install -d -o mysql -m 755 "$inside"
    echo "$outside" >"$dir/outside"
    if [[ " $* " = *" --lower-case-table-names=1 "* ]]; then  # which is chosen once, with the data
        mysql_initialize "$inside/data" "$dir/initialize.log" --lower-case-table-names=1
    else
        as_root cp -a "$mysql_tree/template/data" "$outside/data"
    fi
    mysql_certificate "$dir" "$outside/data"
    printf '%s\n' "SET sql_log_bin = 0;" \
        "ALTER USER root@localhost IDENTIFIED BY '$password';" \
        "CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '$password';" \
        "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;" | as_root tee "$outside/init.sql" >/dev/null
    as_root chroot "$mysql_tree" chown mysql "$inside/init.sql"
    as_root chmod 600 "$outside/init.sql"
    local program=/usr/sbin/mysqld options=()
    if [[ " $* " = *" --binlog-encryption=ON "* ]]; then
        mysql_keyring "$outside" "$inside"
        program=$inside/program/mysqld
        options=(--basedir=/usr --plugin-dir="$inside/program")
    fi
    # A short name for the socket: the kernel allows 107 characters, and a cache may lie deep.
    ln -sfn "$outside/mysqld.sock" "$dir/sock"
    spawn_as_root "$dir" chroot "$mysql_tree" "$program" --no-defaults --user=mysql "${options[@]}" \
        --datadir="$inside/data" --socket="$inside/mysqld.sock" --pid-file="$inside/mysqld.pid" \
        --init-file="$inside/init.sql" --bind-address=127.0.0.1 --port="$port" --mysqlx=OFF \
        --skip-name-resolve --secure-file-priv=NULL --local-infile=ON \
        --server-id=1 --log-bin=binlog --gtid-mode=ON --enforce-gtid-consistency=ON \
        --binlog-format=ROW --binlog-row-image=FULL --binlog-row-metadata=FULL \
        --innodb-flush-log-at-trx-commit=2 --sync-binlog=0 --innodb-buffer-pool-size=256M \
        --innodb-redo-log-capacity=256M --max-connections=200 "$@"
}

# A certificate that names the address. The one that the server makes for itself names nothing that a client
# could verify.
mysql_certificate() {
    local dir=$1 data=$2
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=penstock-test \
        -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout "$dir/key.pem" -out "$dir/ca.pem" 2>/dev/null ||
        die "openssl made no certificate"
    as_root install -m 600 "$dir/key.pem" "$data/server-key.pem"
    as_root install -m 644 "$dir/ca.pem" "$data/server-cert.pem"
    as_root install -m 644 "$dir/ca.pem" "$data/ca.pem"
    as_root chroot "$mysql_tree" chown -R mysql "${data#"$mysql_tree"}"
}

# Encryption takes its keys from a component, which is loaded by files beside the program and beside the component:
# this server has links to both, in a directory of its own.
mysql_keyring() {
    local outside=$1 inside=$2
    as_root mkdir "$outside/program"
    as_root ln "$mysql_tree/usr/sbin/mysqld" "$mysql_tree/usr/lib/mysql/plugin/component_keyring_file.so" \
        "$outside/program/"
    echo '{"components": "file://component_keyring_file"}' | as_root tee "$outside/program/mysqld.my" >/dev/null
    echo "{\"path\": \"$inside/data/keys\", \"read_only\": false}" |
        as_root tee "$outside/program/component_keyring_file.cnf" >/dev/null
    # The component would make it before the server has changed its user.
    as_root chroot "$mysql_tree" install -o mysql -m 640 /dev/null "$inside/data/keys"
}

mysql_clean() {
    local outside
    outside=$(cat "$1/outside" 2>/dev/null) || return 0
    case $outside in
        "$PENSTOCK_CACHE"/trees/*/instances/?*) as_root rm -rf -- "$outside" ;;
    esac
}
