# shellcheck shell=bash
# conf.sh: settings with which podman works inside most virtual machines and containers. Sourced.
# Needs store (a folder for images); nothing of the machine's own podman is touched.
# SPDX-License-Identifier: Apache-2.0

write_container_conf() {
    mkdir -p "$store"
    cat >"$store/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
    cat >"$store/storage.conf" <<CONF
[storage]
driver = "${WEIR_CONTAINER_DRIVER:-overlay}"
graphroot = "$store/images"
runroot = "$store/run"
CONF
    echo 'unqualified-search-registries = ["docker.io"]' >"$store/registries.conf"
    echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$store/policy.json"
    export CONTAINERS_CONF=$store/containers.conf CONTAINERS_STORAGE_CONF=$store/storage.conf
    export CONTAINERS_REGISTRIES_CONF=$store/registries.conf BUILDAH_ISOLATION=chroot
}
