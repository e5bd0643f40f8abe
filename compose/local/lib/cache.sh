# shellcheck shell=bash
# cache.sh: finished downloads and builds, one folder NAME-VERSION each. Sourced, not run.
# A folder is whole when its stamp says so. It is made beside its place and moved there at the end,
# so an install that was broken off is never used: the next one clears it away and starts again.
# SPDX-License-Identifier: Apache-2.0

WEIR_CACHE=${WEIR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weir}

kafka_version=${WEIR_KAFKA_VERSION:-4.3.1}
mysql8_version=8.0.12-5
versitygw_version=1.8.0
minio_version=0.0.0-20260212201848-7aac2a2c5b7c
librdkafka_version=2.12.1
python_version=$(cksum <"$here/pins/python/test-requirements.txt" | cut -d' ' -f1)
podman_compose_version=1.6.0
go_version=1.26.8

cache_path() { printf '%s/%s-%s\n' "$WEIR_CACHE" "$1" "$2"; }

# cache_has NAME VERSION PROOF: whole, by its stamp and by one file that must be in it.
cache_has() {
    local folder
    folder=$(cache_path "$1" "$2")
    [[ -f $folder/.complete && $(<"$folder/.complete") == "$1-$2" && -e $folder/$3 ]]
}

# cache_fill NAME VERSION PROOF FUNCTION: FUNCTION TEMPORARY FINAL fills the first folder,
# which becomes the second.
cache_fill() {
    cache_has "$1" "$2" "$3" && return 0
    mkdir -p "$WEIR_CACHE"
    (
        flock -n 9 || {
            say "waiting for another install of $1"
            flock 9
        }
        cache_has "$1" "$2" "$3" && exit 0
        cache_make "$@"
    ) 9>"$WEIR_CACHE/.$1-$2.lock"
}

cache_make() {
    local name=$1 version=$2 proof=$3 fill=$4 final temporary since=$SECONDS
    final=$(cache_path "$name" "$version")
    temporary=$final.part
    if [[ -e $final || -e $temporary ]]; then say "mending $name $version: the last install did not finish"; fi
    rm -rf -- "$final" "$temporary"
    mkdir -p "$temporary"
    say "installing $name $version into $final"
    "$fill" "$temporary" "$final" 9>&- >"$final.log" 2>&1 || {
        tail -n 20 "$final.log" >&2
        die "could not install $name $version; the whole log is in $final.log"
    }
    [[ -e $temporary/$proof ]] || die "installing $name $version gave no $proof; see $final.log"
    printf '%s\n' "$name-$version" >"$temporary/.complete"
    mv -- "$temporary" "$final"
    rm -f -- "$final.log"
    say "installed $name $version in $((SECONDS - since)) s"
}
