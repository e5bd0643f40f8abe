# shellcheck shell=bash
# all.sh: everything that the commands on a stack share. Sourced with here set to compose/local.
# SPDX-License-Identifier: Apache-2.0

for part in say cache apt get-librdkafka get-kafka get-mysql8 get-s3 get-python \
    process ports stack kafka s3 databases tls; do
    # shellcheck source=/dev/null
    . "$here/lib/$part.sh"
done
unset part
