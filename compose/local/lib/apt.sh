# shellcheck shell=bash
# apt.sh: installs the Debian or Ubuntu packages that are missing, and only those. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

apt_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

apt_known() { [[ -n $(apt-cache --quiet=2 policy "$1" 2>/dev/null | awk '/Candidate:/ && $2 != "(none)"') ]]; }

# apt_pick NAME...: prints the first name that this distribution has.
apt_pick() {
    local name
    for name; do
        if apt_installed "$name" || apt_known "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    printf '%s\n' "$1"
}

as_root() {
    if ((EUID == 0)); then
        env "$@"
    elif have sudo; then
        sudo env "$@"
    else
        die "this needs root or sudo: $*"
    fi
}

# Package lists that were never fetched know no candidate for a package that every release has.
apt_lists_present() { apt_known librdkafka-dev; }

apt_need() {
    local name missing=()
    for name; do
        apt_installed "$name" || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    have apt-get || die "no apt-get here; please install what these packages hold: ${missing[*]}"
    say "apt-get install ${missing[*]}"
    apt_install "${missing[@]}" && return 0
    say "that failed; fetching the package lists and trying again"
    as_root apt-get update -qq || say "apt-get update complained; trying all the same"
    apt_install "${missing[@]}" || die "could not install: ${missing[*]}"
}

# The output is shown only when the command fails.
apt_install() {
    local output
    output=$(as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=600 "$@" 2>&1) && return
    printf '%s\n' "$output" | tail -n 15 >&2
    return 1
}

# apt_refresh: fetches the package lists when there are none, so that apt_pick can choose.
apt_refresh() {
    have apt-get || return 0
    apt_lists_present && return 0
    say "fetching the package lists"
    as_root apt-get update -qq >&2
}
