# Tests, by glob: no list to edit.
#
#     tests/unit/<room>/test_<file>.c     unit.<room>.<file>    the room and what it links
#     tests/contract/<shape>_contract.c   contract.<shape>      every room
#     tests/fuzz/fuzz_<name>.c            fuzz.<name>           every room; replays tests/fuzz/corpus/<name>,
#                                                               in a WEIR_FUZZ build a libFuzzer program
#     tests/sim/sim_<name>.c              sim.<name>            every room
#     tests/support/<room>/*.c            fakes, linked with the tests above
#     tests/bench/bench_<name>.c          not a test: built by the target `bench`
#     tests/tidy/                         tidy, tidy_breaks
#
# SPDX-License-Identifier: Apache-2.0
set(dir ${PROJECT_SOURCE_DIR}/tests)
weir_part(cmocka cmocka)
if(NOT cmocka)
    message(FATAL_ERROR "the tests need cmocka: compose/local/install build-deps installs it")
endif()
get_property(rooms GLOBAL PROPERTY WEIR_ROOMS)
list(TRANSFORM rooms PREPEND weir_ OUTPUT_VARIABLE weir_all)
list(REVERSE weir_all)

# tests/support/*.c is for all tests and knows base/ only, so that a broken room does not stop
# the tests of another; tests/support/<room>/*.c are the fakes of that room.
file(GLOB sources CONFIGURE_DEPENDS ${dir}/support/*.c)
list(FILTER sources EXCLUDE REGEX "/fuzz_main\\.c$")
add_library(weir_support STATIC ${sources})
target_include_directories(weir_support PUBLIC ${dir}/support)
target_link_libraries(weir_support PUBLIC weir_base weir_flags ${cmocka})
set(support_all "")
foreach(room IN LISTS rooms)
    file(GLOB sources CONFIGURE_DEPENDS ${dir}/support/${room}/*.c)
    if(sources)
        add_library(weir_support_${room} STATIC ${sources})
        target_include_directories(weir_support_${room} PUBLIC ${dir}/support/${room})
        target_compile_options(weir_support_${room} PRIVATE
                               "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src")
        target_link_libraries(weir_support_${room} PUBLIC weir_support weir_${room})
        list(APPEND support_all weir_support_${room})
    endif()
endforeach()
list(REVERSE support_all)
list(PREPEND weir_all ${support_all})

# weir_test(NAME FILE LABELS LIBS...)
function(weir_test name file labels)
    string(REPLACE "." "_" target "t_${name}")
    add_executable(${target} ${file})
    target_link_libraries(${target} PRIVATE weir_support ${ARGN} ${cmocka} weir_flags)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name}
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    target_include_directories(${target} PRIVATE ${WEIR_MADE})
    target_compile_definitions(${target} PRIVATE WEIR_TREE="${PROJECT_SOURCE_DIR}")
    target_compile_options(${target} PRIVATE "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src")
    add_test(NAME ${name} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 120
        ENVIRONMENT "WEIR_TREE=${PROJECT_SOURCE_DIR}")
endfunction()

if(NOT WEIR_FUZZ)
    file(GLOB files RELATIVE ${dir}/unit CONFIGURE_DEPENDS ${dir}/unit/*/test_*.c)
    foreach(file IN LISTS files)
        string(REGEX MATCH "^([a-z0-9_]+)/test_([a-z0-9_]+)\\.c$" _ ${file})
        set(room ${CMAKE_MATCH_1})
        set(name ${CMAKE_MATCH_2})
        if(TARGET weir_${room})
            weir_test(unit.${room}.${name} ${dir}/unit/${file} "fast;unit"
                      $<TARGET_NAME_IF_EXISTS:weir_support_${room}> weir_${room})
            target_compile_options(t_unit_${room}_${name} PRIVATE
                                   "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src/${room}")
        elseif(room STREQUAL "weir" AND TARGET weir)
            weir_test(unit.${room}.${name} ${dir}/unit/${file} "fast;unit" ${weir_all})
        endif()
    endforeach()

    file(GLOB files CONFIGURE_DEPENDS ${dir}/contract/*_contract.c)
    foreach(file IN LISTS files)
        get_filename_component(name ${file} NAME_WE)
        string(REPLACE "_contract" "" name ${name})
        weir_test(contract.${name} ${file} "fast;contract" ${weir_all})
    endforeach()

    file(GLOB files CONFIGURE_DEPENDS ${dir}/sim/sim_*.c)
    foreach(file IN LISTS files)
        get_filename_component(name ${file} NAME_WE)
        string(REPLACE "sim_" "" name ${name})
        weir_test(sim.${name} ${file} "fast;sim" ${weir_all})
    endforeach()

    file(GLOB files CONFIGURE_DEPENDS ${dir}/bench/bench_*.c)
    add_custom_target(bench)
    foreach(file IN LISTS files)
        get_filename_component(name ${file} NAME_WE)
        add_executable(${name} EXCLUDE_FROM_ALL ${file})
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
        target_link_libraries(${name} PRIVATE weir_flags ${weir_all})
        target_compile_options(${name} PRIVATE "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src")
        add_dependencies(bench ${name})
    endforeach()

    if(EXISTS ${dir}/tidy/tidy.c)
        file(GLOB sources CONFIGURE_DEPENDS ${dir}/tidy/*.c)
        add_executable(tidy ${sources})
        target_link_libraries(tidy PRIVATE weir_flags)
        set_target_properties(tidy PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
        add_test(NAME tidy COMMAND tidy ${PROJECT_SOURCE_DIR})
        set_tests_properties(tidy PROPERTIES LABELS "fast;tidy")
    endif()
    if(EXISTS ${dir}/tidy/tidy_breaks)
        add_test(NAME tidy_breaks COMMAND ${dir}/tidy/tidy_breaks $<TARGET_FILE:tidy>)
        set_tests_properties(tidy_breaks PROPERTIES LABELS "fast;tidy")
    endif()
endif()

file(GLOB files CONFIGURE_DEPENDS ${dir}/fuzz/fuzz_*.c)
list(FILTER files EXCLUDE REGEX "/fuzz_main\\.c$")
foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME_WE)
    string(REPLACE "fuzz_" "" name ${name})
    weir_test(fuzz.${name} ${file} "fast;fuzz" ${weir_all})
    set_tests_properties(fuzz.${name} PROPERTIES WORKING_DIRECTORY ${dir}/fuzz)
    if(WEIR_FUZZ)
        target_link_options(t_fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(t_fuzz_${name} PRIVATE ${dir}/support/fuzz_main.c)
    endif()
endforeach()
