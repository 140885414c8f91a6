# Words that every script uses: messages, paths, root rights, locks. Sourced, never run.

REPO_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# What is costly to make and safe to delete: server trees, the ClickHouse library. Shared by all checkouts.
PENSTOCK_CACHE=${PENSTOCK_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/penstock}
mkdir -p "$PENSTOCK_CACHE"

say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root: $* (run as root, or install sudo)"
    fi
}

# Runs a command while holding an exclusive lock on a file, so that two ./dev at once do not make one thing
# twice. Servers started by the command must close file descriptor 9, or they would keep the lock.
with_lock() {
    local file=$1
    shift
    mkdir -p "$(dirname "$file")"
    exec 9>"$file"
    flock 9
    local code=0
    "$@" || code=$?
    exec 9>&-
    return "$code"
}

random_secret() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }
