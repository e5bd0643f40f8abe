# SPDX-License-Identifier: Apache-2.0
weir_use(expat jansson)
weir_need(libcurl)
