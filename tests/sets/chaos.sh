# shellcheck shell=bash disable=SC2154
# two minutes of kills, cuts, full disks and wrong clocks over real servers; as root
# SPDX-License-Identifier: Apache-2.0
need build-deps librdkafka test-deps stack
build release
cmake --build --preset release --target weir-load >"$logs/build.weir-load.log" 2>&1 ||
    bad build.weir-load "$logs/build.weir-load.log"
folder_tests chaos release
