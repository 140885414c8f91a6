#!/bin/bash
# Installs the library that the embedded ClickHouse runs on, at the version and hash that package-lock.json
# pins, and prints where it is. Does nothing when that version is already there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../lib/common.sh"
. "$here/../lib/packages.sh"

package=@chdb/lib-linux-x64-gnu
version=$(sed -n "s|.*\"$package\": \"\(.*\)\".*|\1|p" "$here/package.json")
target=$PENSTOCK_CACHE/lib/chdb-$version

install_library() {
    [ -e "$target/libchdb.so" ] && return
    say "Installing $package $version"
    local work=$target.partial
    rm -rf -- "$work"
    mkdir -p "$work"
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    # `npm ci` takes exactly what the lock file names and fails when the hash differs.
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 9>&-) || {
        tail -n 20 "$work/npm.log" >&2
        die "npm could not install $package $version"
    }
    mkdir -p "$target"
    mv "$work/node_modules/$package/libchdb.so" "$target/libchdb.so"
    rm -rf -- "$work"
}

[ "$(uname -m)" = x86_64 ] || die "the embedded ClickHouse is packaged for x86_64 only; use a ClickHouse server of your own"
if [ ! -e "$target/libchdb.so" ]; then
    ensure_node
    with_lock "$PENSTOCK_CACHE/lib/chdb.lock" install_library
fi
# The name under which `penstock` looks for it, whatever the version.
ln -sfn "chdb-$version/libchdb.so" "$PENSTOCK_CACHE/lib/libchdb.so"
echo "$target/libchdb.so"
