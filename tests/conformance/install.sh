#!/bin/bash
# Installs the validating proxy of tests/api_conformance.py at the versions and hashes that package-lock.json
# pins, and prints the program. Does nothing when those are already there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../scripts/lib/common.sh"
. "$here/../../scripts/lib/packages.sh"

target=$PENSTOCK_CACHE/lib/prism-$(sha256sum "$here/package-lock.json" | cut -c 1-16)
program=$target/node_modules/@stoplight/prism-cli/dist/index.js

install_proxy() {
    [ -e "$program" ] && return
    say "Installing @stoplight/prism-cli"
    local work=$target.partial
    rm -rf -- "$work"
    mkdir -p "$work"
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 9>&-) || {
        tail -n 20 "$work/npm.log" >&2
        die "npm could not install @stoplight/prism-cli"
    }
    rm -rf -- "$target"
    mv "$work" "$target"
}

if [ ! -e "$program" ]; then
    ensure_node
    with_lock "$PENSTOCK_CACHE/lib/prism.lock" install_proxy
fi
echo "$program"
