# MariaDB 11.8 (the newest that Debian's unstable has) in a tree of its own. The tree and an initialized data
# directory are made once and cached. Needs mariadb.sh.

mariadb11_tree="$PENSTOCK_CACHE/trees/mariadb11"

mariadb11_install() {
    ensure_packages debootstrap mariadb-client
    make_tree mariadb11 "$mariadb11_tree" mariadb-server-core,mariadb-client-core mariadb11_finish_tree
    # A cache of an earlier version of this script has the tree without the template.
    [ -d "$mariadb11_tree/template" ] || with_lock "$mariadb11_tree.lock" mariadb11_make_template "$mariadb11_tree"
}

mariadb11_finish_tree() {
    as_root chroot "$1" sh -c 'id mysql >/dev/null 2>&1 || useradd -r -M -d /nonexistent -s /usr/sbin/nologin mysql'
    as_root mkdir -p "$1/instances"
    mariadb11_make_template "$1"
}

# A data directory to be copied for each server: making one takes longer than starting on it.
mariadb11_make_template() {
    [ ! -d "$1/template" ] || return 0
    as_root rm -rf -- "$1/template.partial"
    as_root chroot "$1" install -d -o mysql -m 750 /template.partial
    as_root chroot "$1" mariadb-install-db --no-defaults --force --user=mysql --datadir=/template.partial/data \
        --skip-test-db --skip-name-resolve --auth-root-authentication-method=normal \
        --innodb-log-file-size=16M >"$1.log" 2>&1 9>&- || {
        tail -n 15 "$1.log" >&2
        die "mariadb-install-db failed"
    }
    as_root mv "$1/template.partial" "$1/template"
}

mariadb11_start() {
    local dir=$1 port=$2 password=$3
    shift 3
    local inside outside
    inside=/instances/$(basename "$(mktemp -u -t XXXXXXXXXX)")
    outside=$mariadb11_tree$inside
    as_root chroot "$mariadb11_tree" install -d -o mysql -m 755 "$inside"
    echo "$outside" >"$dir/outside"
    as_root cp -a "$mariadb11_tree/template/data" "$outside/data"
    mariadb_init_sql "$password" | as_root tee "$outside/init.sql" >/dev/null
    as_root chroot "$mariadb11_tree" chown mysql "$inside/init.sql"
    as_root chmod 600 "$outside/init.sql"
    ln -sfn "$outside/sock" "$dir/sock"
    mapfile -t options < <(mariadb_options "$inside" "$port")
    spawn_as_root "$dir" chroot "$mariadb11_tree" /usr/sbin/mariadbd --no-defaults --user=mysql "${options[@]}" "$@"
}

mariadb11_clean() { mysql_clean "$1"; }
