# MariaDB 11.8 (the newest that Debian's unstable has) in a tree of its own. Needs mariadb.sh.

mariadb11_tree="$PENSTOCK_CACHE/trees/mariadb11"

mariadb11_install() {
    ensure_packages debootstrap mariadb-client
    make_tree mariadb11 "$mariadb11_tree" mariadb-server-core,mariadb-client-core mariadb11_finish_tree
}

mariadb11_finish_tree() {
    as_root chroot "$1" sh -c 'id mysql >/dev/null 2>&1 || useradd -r -M -d /nonexistent -s /usr/sbin/nologin mysql'
    as_root mkdir -p "$1/instances"
}

mariadb11_start() {
    local dir=$1 port=$2 password=$3
    shift 3
    local inside outside
    inside=/instances/$(basename "$(mktemp -u -t XXXXXXXXXX)")
    outside=$mariadb11_tree$inside
    as_root chroot "$mariadb11_tree" install -d -o mysql -m 755 "$inside"
    echo "$outside" >"$dir/outside"
    as_root chroot "$mariadb11_tree" mariadb-install-db --no-defaults --force --user=mysql \
        --datadir="$inside/data" --skip-test-db --skip-name-resolve \
        --auth-root-authentication-method=normal >"$dir/install.log" 2>&1 9>&- || {
        tail -n 15 "$dir/install.log" >&2
        die "mariadb-install-db failed"
    }
    mariadb_init_sql "$password" | as_root tee "$outside/init.sql" >/dev/null
    as_root chroot "$mariadb11_tree" chown mysql "$inside/init.sql"
    as_root chmod 600 "$outside/init.sql"
    ln -sfn "$outside/sock" "$dir/sock"
    mapfile -t options < <(mariadb_options "$inside" "$port")
    spawn_as_root "$dir" chroot "$mariadb11_tree" /usr/sbin/mariadbd --no-defaults --user=mysql "${options[@]}" "$@"
}

mariadb11_clean() { mysql_clean "$1"; }
