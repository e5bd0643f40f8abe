# shellcheck shell=bash
# get-librdkafka.sh: builds librdkafka from the source that the crate rdkafka-sys carries. Sourced, not run.
# Debian 12's own 2.0.2 cannot log in to Kafka 4 with SCRAM; this one can.
# SPDX-License-Identifier: Apache-2.0

get_librdkafka() {
    apt_need build-essential zlib1g-dev libssl-dev libzstd-dev libsasl2-dev libcurl4-openssl-dev liblz4-dev
    cache_has librdkafka "$librdkafka_version" lib/librdkafka.so.1 || need_cargo
    cache_fill librdkafka "$librdkafka_version" lib/librdkafka.so.1 build_librdkafka
}

cargo_is_new_enough() {
    local version
    version=$(cargo --version 2>/dev/null | awk '{ print $2 }')
    [[ -n $version && $(printf '%s\n' 1.70.0 "$version" | sort -V | head -n 1) == 1.70.0 ]]
}

# Only to fetch a crate. Debian 12's own cargo is too old for that; its cargo-web is not.
need_cargo() {
    cargo_is_new_enough && return
    apt_refresh
    apt_need "$(apt_pick cargo-web cargo-1.83 cargo)"
    hash -r
    have cargo || die "cargo is not in PATH"
}

build_librdkafka() {
    local temporary=$1 final=$2 source=$1/source
    mkdir "$source"
    cp -r "$here/pins/rdkafka/." "$source"
    (cd "$source" && cargo vendor --locked vendor)
    (
        cd "$source/vendor/rdkafka-sys/librdkafka" || exit
        bash ./configure --prefix="$final" --libdir="$final/lib" --disable-lz4-ext --disable-c11threads # ThreadSanitizer knows pthreads only
        nice make -C src -j2
        make -C src install DESTDIR="$temporary/stage"
    )
    mv "$temporary/stage$final"/* "$temporary"
    # shellcheck disable=SC2016
    sed -i 's|^Libs: |Libs: -Wl,-rpath,${libdir} |' "$temporary/lib/pkgconfig/rdkafka.pc"
    rm -rf "$source" "$temporary/stage"
}
