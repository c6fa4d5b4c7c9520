# shellcheck shell=bash
# What the scripts beside this file share: telling, failing, and installing what is missing. Sourced, not run.

repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export repository

# The oldest Swift that reads our Package.swift (its first line).
readonly swift_minimum=6.2

say() { printf '%s\n' "$*" >&2; }

die() {
    say "${0##*/}: $*"
    exit 1
}

# The comment block that opens a script is its --help.
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//;t print;d;: print;p}' "$0"; }

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "need root for: $*"
    fi
}

package_installed() { [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# only_one_run DIR: a second run on the same servers would take the first one's away. The lock goes with the process, and with those
# that inherit descriptor 9.
only_one_run() {
    mkdir -p -- "$(dirname -- "$1")"
    exec 9>"$1.lock"
    flock --nonblock 9 || die "another run uses $1"
}

# install_packages NAME…: installs the Debian packages that are missing.
install_packages() {
    local package missing=()
    for package; do
        package_installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "please install ${missing[*]} (this script knows only Debian's and Ubuntu's apt)"
    say "Installing ${missing[*]} …"
    # Debian starts a server as soon as its package is installed, on its usual port, unless policy-rc.d says 101
    # (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt). A policy that is already there is kept.
    # shellcheck disable=SC2016 # expanded by the inner shell
    as_root bash -euc '
        policy=/usr/sbin/policy-rc.d
        if [[ ! -e $policy ]]; then
            trap "rm -f $policy" EXIT
            printf "#!/bin/sh\nexit 101\n" >$policy
            chmod 755 $policy
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        apt-get install -qq --yes --no-install-recommends -- "$@"
    ' install_packages "${missing[@]}" </dev/null >/dev/null || die "could not install ${missing[*]}"
}

# venv NAME REQUIREMENTS: prints the folder of a Python environment with what the file lists; makes it if there is none, or of another list.
venv() {
    local folder=$repository/.build/venv/$1
    if ! cmp --silent -- "$2" "$folder/requirements.txt"; then
        say "Installing what $2 lists …"
        python3 -m venv --clear "$folder"
        "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" >&2 || die "could not install what $2 lists"
        cp -- "$2" "$folder/requirements.txt"
    fi
    echo "$folder"
}

# use_services NAME: starts a private PostgreSQL and RabbitMQ until this script ends, unless scripts/test has started some for all.
use_services() {
    [[ -z ${SKILLRELAY_SERVICES_DIR:-} ]] || return 0
    services=$repository/.services/$1
    only_one_run "$services"
    trap '"$repository/scripts/services" stop --dir "$services"' EXIT
    "$repository/scripts/services" stop --dir "$services"
    "$repository/scripts/services" start --dir "$services" 9>&-
    local environment
    environment=$("$repository/scripts/services" env --dir "$services")
    eval "$environment"
}

# The libraries that the build links, beside what a Swift toolchain brings.
install_build_packages() { install_packages libpq-dev librabbitmq-dev libargon2-dev; }

have_swift() {
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)
    [[ -n $version ]] && printf '%s\n%s\n' "$swift_minimum" "$version" | sort --version-sort --check=quiet
}

# Leaves a Swift that is new enough on the PATH; installs it for this user with the official installer if need be
# (https://www.swift.org/swiftly/documentation/swiftly/automated-install).
ensure_swift() {
    have_swift && return
    local environment=${SWIFTLY_HOME_DIR:-$HOME/.local/share/swiftly}/env.sh
    if [[ ! -f $environment ]]; then
        say "Installing Swift with swiftly …"
        install_packages ca-certificates curl gnupg
        local download
        download=$(mktemp -d)
        if ! curl --fail --silent --show-error --location \
            "https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz" | tar -xz -C "$download" ||
            ! "$download/swiftly" init --assume-yes --quiet-shell-followup --skip-install >&2; then
            rm -rf "$download"
            die "need Swift $swift_minimum or newer: see https://www.swift.org/install/linux/"
        fi
        rm -rf "$download"
    fi
    # shellcheck source=/dev/null
    source "$environment"
    hash -r
    have_swift && return
    local packages
    packages=$(mktemp)
    swiftly install latest --use --assume-yes --post-install-file "$packages" >&2 ||
        die "need Swift $swift_minimum or newer: see https://www.swift.org/install/linux/"
    # swiftly writes the apt-get line for the toolchain's own needs there.
    [[ ! -s $packages ]] || as_root bash -eu "$packages" </dev/null >&2
    rm -f "$packages"
    hash -r
    have_swift || die "need Swift $swift_minimum or newer: see https://www.swift.org/install/linux/"
}
