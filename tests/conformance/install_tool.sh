#!/bin/bash
# install_tool.sh NAME: installs the program NAME from PyPI, its packages and their hashes pinned in NAME.txt, into a
# virtual environment of its own, and prints the program. Does nothing when it is already there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../scripts/lib/common.sh"
. "$here/../../scripts/lib/packages.sh"

tool=$1
target=$PENSTOCK_CACHE/lib/$tool-$(sha256sum "$here/$tool.txt" | cut -c 1-16)
marker=$target/installed

install_tool() {
    [ -e "$marker" ] && return
    say "Installing $tool"
    rm -rf -- "$target"
    # Debian's Python: another that comes first in PATH may lack what an environment is made of.
    /usr/bin/python3 -m venv "$target"
    "$target/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        -r "$here/$tool.txt" >"$target/pip.log" 2>&1 9>&- || {
        tail -n 20 "$target/pip.log" >&2
        die "pip could not install $tool"
    }
    touch "$marker"
}

if [ ! -e "$marker" ]; then
    ensure_packages python3 python3-venv
    with_lock "$PENSTOCK_CACHE/lib/$tool.lock" install_tool
fi
echo "$target/bin/$tool"
