# shellcheck shell=bash
# images.sh: builds the images that stand in for the official ones, once. Sourced.
# Needs work (a scratch folder), standin (this folder) and prefix_of.
# SPDX-License-Identifier: Apache-2.0

base_image=docker.io/library/debian:trixie-slim

image_there() { podman image exists "$1"; }

base_is_there() {
    image_there "$base_image" && return
    nice debootstrap --variant=minbase trixie "$work/base"
    rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/var/lib/apt/lists/*
    tar -C "$work/base" -c . | podman import - "$base_image"
    rm -rf "$work/base"
}

# stand_in KIND NAME FOLDER: builds standin/Dockerfile.KIND as NAME with the files in FOLDER.
stand_in() {
    image_there "$2" && return
    nice buildah bud --isolation chroot --network host --layers=false -f "$standin/Dockerfile.$1" -t "$2" "$3"
    rm -rf "$3"
}

kafka_image() {
    mkdir -p "$work/kafka"
    cp -r "$(prefix_of kafka)/libs" "$standin"/kafka-*.sh "$work/kafka"
    stand_in kafka docker.io/apache/kafka:4.3.1 "$work/kafka"
}

s3_image() {
    mkdir -p "$work/s3"
    cp "$(prefix_of versitygw)/bin/versitygw" "$work/s3"
    stand_in s3 docker.io/versity/versitygw:v1.8.0 "$work/s3"
}

mysql_image() {
    mkdir -p "$work/mysql"
    cp -r "$(prefix_of mysql8)" "$work/mysql/mysql8"
    cp "$standin/mysql-run.sh" "$work/mysql"
    stand_in mysql docker.io/library/mysql:8.4 "$work/mysql"
}

weir_image() {
    nice buildah bud --isolation chroot --network host -f "$root/compose/Dockerfile" \
        --build-arg DEBIAN="$base_image" -t docker.io/library/weir:latest "$root"
}
