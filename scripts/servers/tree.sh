# Trees of a newer Debian, for servers that Debian 12 does not have. Needs common.sh.

# make_tree NAME DIR PACKAGES FINISH: debootstraps DIR once; FINISH DIR completes it. Made aside and renamed,
# so that a tree that exists is whole.
make_tree() { with_lock "$PENSTOCK_CACHE/trees/$1.lock" make_tree_locked "$@"; }

make_tree_locked() {
    local name=$1 tree=$2 packages=$3 finish=$4
    [ -e "$tree" ] && return
    say "Making the $name tree in $tree (once, about a minute)"
    as_root rm -rf -- "$tree.partial"
    mapfile -t mirror < <(debian_mirror)
    as_root debootstrap --variant=minbase --include="$packages" sid "$tree.partial" "${mirror[@]}" \
        >"$tree.debootstrap.log" 2>&1 9>&- || {
        tail -n 10 "$tree.debootstrap.log" >&2
        die "debootstrap could not make $name; see $tree.debootstrap.log"
    }
    as_root chroot "$tree.partial" apt-get clean
    "$finish" "$tree.partial" 9>&-
    as_root mv "$tree.partial" "$tree"
}

# The mirror that this machine's own apt uses, or nothing: then debootstrap's default.
debian_mirror() {
    if [ -n "${PENSTOCK_DEBIAN_MIRROR:-}" ]; then
        echo "$PENSTOCK_DEBIAN_MIRROR"
        return
    fi
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk '$1 == "Debian" && $2 ~ /^https?:/ && !seen++ {print $2}'
}
