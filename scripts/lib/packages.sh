# Debian packages, installed only when missing. Needs common.sh.

PACKAGES_BUILD=(g++ cmake ninja-build ccache pkg-config git ca-certificates curl python3 python3-venv
    libmariadb-dev libcurl4-openssl-dev libzstd-dev zlib1g-dev libdeflate-dev liblz4-dev libssl-dev libsodium-dev libcpp-httplib-dev
    libsqlite3-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libfmt-dev libspdlog-dev
    libgtest-dev librapidcheck-dev libbenchmark-dev)
PACKAGES_CHECK=(clang clang-tidy clang-format)
PACKAGES_FUZZ=(clang)
PACKAGES_SERVERS=(mariadb-server-core mariadb-client debootstrap)

missing_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q '^install ok installed' || echo "$name"
    done
}

ensure_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} = 0 ] && return
    say "Installing ${missing[*]}"
    with_lock "$PENSTOCK_CACHE/apt.lock" install_packages "${missing[@]}"
}

install_packages() {
    local apt=(as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq)
    # The lists may be absent or too old to name a package that can still be fetched: refresh, then once more.
    if ! "${apt[@]}" install -y --no-install-recommends "$@" >"$PENSTOCK_CACHE/apt.log" 2>&1 9>&-; then
        "${apt[@]}" update >>"$PENSTOCK_CACHE/apt.log" 2>&1 9>&- || warn "apt-get update failed, going on with what there is"
        "${apt[@]}" install -y --no-install-recommends "$@" >>"$PENSTOCK_CACHE/apt.log" 2>&1 9>&- || {
            tail -n 20 "$PENSTOCK_CACHE/apt.log" >&2
            die "apt-get could not install: $*"
        }
    fi
}

# Node from anywhere will do; Debian 12's own is taken only where there is none.
ensure_node() {
    if command -v node >/dev/null && command -v npm >/dev/null && npm --version >/dev/null 2>&1; then return; fi
    ensure_packages nodejs npm
}
