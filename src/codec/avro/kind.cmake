# SPDX-License-Identifier: Apache-2.0
weir_use(avro-c zlib snappy jansson)
