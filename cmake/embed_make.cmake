# Run in the build: see embed.cmake.
# SPDX-License-Identifier: Apache-2.0
string(REPLACE "|" ";" files "${FILES}")
list(GET files 0 first)
get_filename_component(base ${first} DIRECTORY)
file(WRITE ${OUT}/${NAME}.h
"#ifndef MADE_${NAME}_H
#define MADE_${NAME}_H
#include <stddef.h>
struct ${NAME}_file {
    const char          *path;
    const char          *type;
    const unsigned char *at;
    size_t               len;
};
extern const struct ${NAME}_file ${NAME}_files[];
#endif
")
set(bodies "")
set(table "")
set(n 0)
foreach(path IN LISTS files)
    file(READ ${path} hex HEX)
    string(LENGTH "${hex}" len)
    math(EXPR len "${len} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    file(RELATIVE_PATH name ${base} ${path})
    get_filename_component(ext ${path} LAST_EXT)
    set(type "application/octet-stream")
    if(ext STREQUAL ".html")
        set(type "text/html; charset=utf-8")
    elseif(ext STREQUAL ".css")
        set(type "text/css; charset=utf-8")
    elseif(ext STREQUAL ".js")
        set(type "text/javascript; charset=utf-8")
    elseif(ext STREQUAL ".svg")
        set(type "image/svg+xml")
    elseif(ext STREQUAL ".json")
        set(type "application/json")
    elseif(ext MATCHES "^\\.(sql|txt|md)$")
        set(type "text/plain; charset=utf-8")
    endif()
    string(APPEND bodies "static const unsigned char file_${n}[] = {${hex}0};\n")
    string(APPEND table "    {\"${name}\", \"${type}\", file_${n}, ${len}},\n")
    math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT}/${NAME}.c
"#include \"${NAME}.h\"
${bodies}
const struct ${NAME}_file ${NAME}_files[] = {
${table}    {NULL, NULL, NULL, 0},
};
")
