# What ./run and ./test share, to be sourced: installs what a bare Debian machine lacks, and says
# so. What is already there and works is used as it is.
# shellcheck shell=bash

say() { printf 'chorsu: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "not root and no sudo; run this as root first: $*"
    fi
}

# apt_install PACKAGE...: for Debian and its children; elsewhere it says what is missing.
apt_install() {
    command -v apt-get >/dev/null || die "missing here, and there is no apt-get to install it with: $*"
    say "installing Debian packages: $*"
    [ -n "${apt_updated:-}" ] || as_root apt-get update -qq </dev/null
    apt_updated=yes
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# compiles COMPILER LANGUAGE: whether it makes a program, headers and linker included.
compiles() {
    command -v "$1" >/dev/null &&
        printf '#include <stdlib.h>\nint main() { return EXIT_SUCCESS; }\n' |
        "$1" -x "$2" - -o /dev/null 2>/dev/null
}

# The linker and the C parts of ring and mimalloc need a C compiler; libFuzzer is C++.
need_c() { compiles cc c || apt_install gcc libc6-dev; }
need_cpp() { compiles c++ c++ || apt_install g++; }

# Cargo asks the registry over TLS.
need_certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ] || apt_install ca-certificates; }

# new_enough ROOT: whether cargo runs and is not older than the workspace's rust-version.
new_enough() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$1/Cargo.toml")
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2) || return 1
    [ -n "$found" ] && [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ]
}

# need_rust ROOT: a toolchain that can build the workspace at ROOT, on the PATH.
need_rust() {
    new_enough "$1" && return
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export PATH
    new_enough "$1" && return
    if ! command -v rustup >/dev/null; then
        install_rustup
    fi
    if ! new_enough "$1"; then
        say "installing Rust's stable toolchain with rustup"
        rustup toolchain install stable --profile minimal --no-self-update
        export RUSTUP_TOOLCHAIN=stable
    fi
    new_enough "$1" || die "no Rust toolchain new enough could be installed; see https://rustup.rs"
}

install_rustup() {
    command -v curl >/dev/null || apt_install curl
    say "installing rustup and Rust's stable toolchain into ${CARGO_HOME:-$HOME/.cargo}"
    local script
    if script=$(curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs); then
        sh -s -- -y --profile minimal --default-toolchain stable --no-modify-path <<<"$script"
    else
        say "rustup could not be fetched from its home; trying Debian's package"
        apt_install rustup
    fi
}

# need_component NAME: a part of the toolchain, such as clippy.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    local component=$1
    [ "$1" = fmt ] && component=rustfmt
    command -v rustup >/dev/null || die "cargo $1 is missing, and there is no rustup to install it with"
    say "installing $component"
    rustup component add "$component"
}

# Whether Node.js and npm can build the console: Vite 8 asks for 20.19, 22.12 or newer.
node_works() {
    command -v npm >/dev/null && node -e '
        const [a, b] = process.versions.node.split(".").map(Number);
        process.exit((a == 20 && b >= 19) || (a == 22 && b >= 12) || a > 22 ? 0 : 1)' 2>/dev/null
}

# need_node ROOT: Debian's where it is new enough, else one from the npm registry under ROOT/target.
need_node() {
    node_works && return
    command -v npm >/dev/null || apt_install nodejs npm
    node_works && return
    local home=$1/target/node
    if [ ! -x "$home/node_modules/.bin/node" ]; then
        say "installing Node.js 22 from the npm registry into $home"
        mkdir -p "$home"
        npm install --silent --no-save --prefix "$home" node@22 npm@11 </dev/null
    fi
    PATH=$home/node_modules/.bin:$PATH
    export PATH
    node_works || die "no Node.js new enough could be installed; see https://nodejs.org"
}

# need_browser: Chromium for the tests of the console.
need_browser() { [ -x /usr/bin/chromium ] || apt_install chromium; }
