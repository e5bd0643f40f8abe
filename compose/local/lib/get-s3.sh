# shellcheck shell=bash
# get-s3.sh: builds the S3 servers, versitygw and MinIO, through the Go module proxy. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

get_versitygw() {
    cache_has versitygw "$versitygw_version" bin/versitygw && return
    need_go
    cache_fill versitygw "$versitygw_version" bin/versitygw build_versitygw
}

get_minio() {
    cache_has minio "$minio_version" bin/minio && return
    need_go
    cache_fill minio "$minio_version" bin/minio build_minio
}

build_versitygw() { go_install "$1" "github.com/versity/versitygw/cmd/versitygw@v$versitygw_version"; }
build_minio() { go_install "$1" "github.com/minio/minio@v$minio_version"; }

go_install() {
    GOBIN=$1/bin GOFLAGS='-p=2 -buildvcs=false' CGO_ENABLED=0 GOTOOLCHAIN=local \
        nice "$go" install -trimpath -ldflags '-s -w' "$2"
}

# need_go: sets go to one that is new enough. An older go can fetch a newer one as a module.
need_go() {
    local have_version
    have_version=$(GOTOOLCHAIN=local go version 2>/dev/null | sed 's/.*go\([0-9][0-9.]*\).*/\1/' || true)
    go=go
    if [[ -n $have_version && $(printf '1.25\n%s\n' "$have_version" | sort -V | head -n 1) == 1.25 ]]; then return; fi
    have go || apt_need golang-go
    cache_fill go "$go_version" bin/go fetch_go
    go=$(cache_path go "$go_version")/bin/go
}

fetch_go() {
    local machine=amd64
    [[ $(uname -m) == aarch64 ]] && machine=arm64
    (cd / && GO111MODULE=on GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE=$1/modules \
        go mod download "golang.org/toolchain@v0.0.1-go$go_version.linux-$machine")
    mv "$1"/modules/golang.org/toolchain@*/* "$1"
    rm -rf "$1/modules"
    chmod -R u+w "$1"
    chmod +x "$1"/bin/* "$1"/pkg/tool/*/*
}
