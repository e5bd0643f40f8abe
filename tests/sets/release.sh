# shellcheck shell=bash disable=SC2154
# the build that people run: it configures without words, installs, and is hardened
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka

installs() {
    local to=$root/build/release/installed file
    rm -rf "$to"
    cmake --install build/release --prefix "$to" --strip || return 1
    for file in bin/weir share/man/man1/weir.1 share/bash-completion/completions/weir; do
        [[ -s $to/$file ]] || { echo "$file was not installed"; return 1; }
    done
    (($(stat -c %s "$to/bin/weir") < 10 * 1024 * 1024)) || { echo "bin/weir is over 10 MiB"; return 1; }
    "$to/bin/weir" version
}

# Position independent, read-only after relocation, bound at start, stack protected.
is_hardened() {
    local program=build/release/weir
    readelf -hW "$program" | grep -c 'Type:.*DYN' >/dev/null || { echo 'not position independent'; return 1; }
    readelf -lW "$program" | grep -c GNU_RELRO >/dev/null || { echo 'no RELRO'; return 1; }
    readelf -dW "$program" | grep -c 'BIND_NOW\|Flags:.*NOW' >/dev/null || { echo 'not bound at start'; return 1; }
    readelf -lW "$program" | grep GNU_STACK | grep -c 'RW ' >/dev/null || { echo 'the stack can be executed'; return 1; }
    readelf -sW "$program" | grep -c __stack_chk_fail >/dev/null || { echo 'no stack protector'; return 1; }
    readelf -sW "$program" | grep -c '_chk@\|_chk ' >/dev/null || { echo 'not fortified'; return 1; }
}

holds_no_paths() {
    if strings build/release/weir | grep -F "$root"; then
        echo 'the program holds the paths of its builder'
        return 1
    fi
}

# The man page and the completion know every command and flag that the program tells of.
pages_know_all() {
    local command word missing=0
    for command in $(build/release/weir help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p'); do
        for word in "$command" $(build/release/weir help "$command" | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
            for page in docs/weir.1 cmake/weir.bash; do
                grep -qw -- "$word" "$page" || { echo "$page does not know '$word'"; missing=1; }
            done
        done
    done
    return $missing
}

# Pages that the program prints are what it prints now.
pages_are_fresh() {
    diff <(build/release/weir connectors --format markdown) docs/connectors.md &&
        diff <(build/release/weir connectors --metrics) docs/metrics.md
}

if build release; then
    for check in installs is_hardened holds_no_paths pages_know_all pages_are_fresh; do
        if "$check" >"$logs/release.$check.log" 2>&1; then
            good "release.$check"
        else
            bad "release.$check" "$logs/release.$check.log"
        fi
    done
fi
