# shellcheck shell=bash disable=SC2154
# the commit protocol's models: they hold, their mutants fail; WEIR_MODEL=large for more
# SPDX-License-Identifier: Apache-2.0
need test-deps
folder_tests model none
