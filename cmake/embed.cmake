# weir_embed(OUT_VAR NAME FILE...): makes NAME.c and NAME.h in the build, which hold the files as
#     extern const struct NAME_file { const char *path; const char *type; const unsigned char *at;
#                                     size_t len; } NAME_files[];   ends with path NULL
# and sets OUT_VAR to NAME.c. `path` is relative to the folder of the first file.
# For use in room.cmake: weir_embed(ROOM_SOURCES http_assets ${files}).
# SPDX-License-Identifier: Apache-2.0
function(weir_embed out name)
    set(script ${PROJECT_SOURCE_DIR}/cmake/embed_make.cmake)
    string(REPLACE ";" "|" files "${ARGN}")
    add_custom_command(
        OUTPUT ${WEIR_MADE}/${name}.c ${WEIR_MADE}/${name}.h
        COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUT=${WEIR_MADE} "-DFILES=${files}" -P ${script}
        DEPENDS ${ARGN} ${script} VERBATIM)
    set(${out} ${${out}} ${WEIR_MADE}/${name}.c PARENT_SCOPE)
endfunction()
