# shellcheck shell=bash
# ports.sh: ten neighbouring free ports for a stack, kept for it while it exists. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

port_of() { # NAME, needs stack_base_port
    local offset
    case $1 in
    kafka) offset=0 ;; kafka_controller) offset=1 ;; kafka_sasl_ssl) offset=2 ;; kafka_ssl) offset=3 ;;
    kafka_sasl_plaintext) offset=4 ;; s3) offset=5 ;; s3_console) offset=6 ;; mariadb) offset=7 ;;
    mysql) offset=8 ;; kafka_proxied) offset=9 ;; *) die "no port for '$1'" ;;
    esac
    printf '%d\n' $((stack_base_port + offset))
}

ports_folder=${XDG_RUNTIME_DIR:-/tmp}/weir-ports-$UID

# ports_busy: all local ports that a socket has now; connections that only linger do not count.
ports_busy() {
    local hex
    awk 'FNR > 1 && $4 != "06" { split($2, at, ":"); print at[2] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        sort -u | while read -r hex; do printf '%d\n' "0x$hex"; done
}

ports_block_free() { # BASE BUSY
    local port
    for ((port = $1; port < $1 + 10; port++)); do
        ! grep -qx "$port" <<<"$2" || return 1
    done
}

# A block belongs to the stack whose folder its file names, as long as that stack is there.
ports_block_owner() {
    local owner
    owner=$(cat "$ports_folder/$1" 2>/dev/null) && [[ -f $owner/stack.conf ]] && printf '%s\n' "$owner"
}

ports_lock() {
    [[ -d $ports_folder ]] || mkdir -m 700 "$ports_folder"
    [[ -O $ports_folder && ! -L $ports_folder ]] || die "$ports_folder belongs to somebody else"
    exec 9<"$ports_folder"
    flock 9
}

# ports_take BASE|auto: sets stack_base_port and writes the reservation.
ports_take() {
    local busy base owner
    ports_lock
    busy=$(ports_busy)
    if [[ $1 == auto ]]; then
        for ((base = 21000; base < 32000; base += 10)); do
            ports_block_owner "$base" >/dev/null && continue
            ports_block_free "$base" "$busy" && break
        done
        ((base < 32000)) || die "no ten free ports between 21000 and 32000"
    else
        base=$1
        owner=$(ports_block_owner "$base") && [[ $owner != "$data" ]] &&
            die "ports from $base on are kept for the stack in $owner"
        ports_block_free "$base" "$busy" || die "a port from $base to $((base + 9)) is in use"
    fi
    stack_base_port=$base
    printf '%s\n' "$data" >"$ports_folder/$base"
}

ports_let_go() { exec 9<&-; }

# ports_return: the stack is gone, so are its ports.
ports_return() {
    [[ $(cat "$ports_folder/$stack_base_port" 2>/dev/null) == "$data" ]] || return 0
    rm -f "$ports_folder/$stack_base_port"
    rmdir "$ports_folder" 2>/dev/null || true
}
