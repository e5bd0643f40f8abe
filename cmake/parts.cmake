# Parts: the libraries of others. A room or kind names the parts it uses in its room.cmake or
# kind.cmake; nothing is looked for before somebody names it.
#
#     weir_use(libcurl openssl)      link these and see their headers
#     weir_need(rdkafka)             only leave this folder out when the part is missing
#
# SPDX-License-Identifier: Apache-2.0
find_package(PkgConfig REQUIRED)

# weir_part(NAME OUT): makes the target part::NAME and sets OUT to it, or to "" when missing.
function(weir_part name out)
    set(${out} "" PARENT_SCOPE)
    if(NOT TARGET part::${name})
        if(name STREQUAL "pg_query")
            weir_part_pg_query()
        elseif(name STREQUAL "rdkafka")
            weir_part_rdkafka()
        else()
            weir_part_pkg_config(${name})
        endif()
    endif()
    if(TARGET part::${name})
        set(${out} part::${name} PARENT_SCOPE)
    endif()
endfunction()

function(weir_part_pkg_config name)
    set(PKG_CONFIG_USE_STATIC_LIBS OFF)
    pkg_check_modules(PART_${name} QUIET IMPORTED_TARGET GLOBAL ${name})
    if(TARGET PkgConfig::PART_${name})
        add_library(part_${name} INTERFACE)
        target_link_libraries(part_${name} INTERFACE PkgConfig::PART_${name})
        add_library(part::${name} ALIAS part_${name})
    endif()
endfunction()

# A librdkafka of one's own comes before the distribution's.
function(weir_part_rdkafka)
    if(WEIR_RDKAFKA_ROOT)
        if(NOT EXISTS ${WEIR_RDKAFKA_ROOT}/lib/pkgconfig/rdkafka.pc)
            message(FATAL_ERROR "WEIR_RDKAFKA_ROOT: no lib/pkgconfig/rdkafka.pc in "
                                "'${WEIR_RDKAFKA_ROOT}'")
        endif()
        set(ENV{PKG_CONFIG_PATH} "${WEIR_RDKAFKA_ROOT}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
    endif()
    string(SHA1 which "${WEIR_RDKAFKA_ROOT}")
    string(SUBSTRING ${which} 0 8 which)
    pkg_check_modules(PART_rdkafka_${which} QUIET IMPORTED_TARGET GLOBAL rdkafka)
    if(TARGET PkgConfig::PART_rdkafka_${which})
        add_library(part_rdkafka INTERFACE)
        target_link_libraries(part_rdkafka INTERFACE PkgConfig::PART_rdkafka_${which})
        if(WEIR_RDKAFKA_ROOT)
            target_link_options(part_rdkafka INTERFACE -Wl,-rpath,${WEIR_RDKAFKA_ROOT}/lib)
        endif()
        add_library(part::rdkafka ALIAS part_rdkafka)
        message(STATUS "librdkafka ${PART_rdkafka_${which}_VERSION}")
    endif()
endfunction()

# libpg_query has no pkg-config file in Debian.
function(weir_part_pg_query)
    find_path(WEIR_PG_QUERY_INCLUDE pg_query.h)
    find_library(WEIR_PG_QUERY_LIBRARY pg_query)
    if(WEIR_PG_QUERY_INCLUDE AND WEIR_PG_QUERY_LIBRARY)
        add_library(part_pg_query INTERFACE)
        target_include_directories(part_pg_query SYSTEM INTERFACE ${WEIR_PG_QUERY_INCLUDE})
        target_link_libraries(part_pg_query INTERFACE ${WEIR_PG_QUERY_LIBRARY})
        add_library(part::pg_query ALIAS part_pg_query)
    endif()
endfunction()

# Only inside room.cmake and kind.cmake. Macros, for they set the variables of the caller.
macro(weir_use)
    foreach(weir_name ${ARGN})
        weir_part(${weir_name} weir_found)
        if(weir_found)
            list(APPEND KIND_LIBS ${weir_found})
        else()
            set(KIND_SKIP "${weir_name} was not found")
        endif()
    endforeach()
endmacro()

macro(weir_need)
    foreach(weir_name ${ARGN})
        weir_part(${weir_name} weir_found)
        if(NOT weir_found)
            set(KIND_SKIP "${weir_name} was not found")
        endif()
    endforeach()
endmacro()
