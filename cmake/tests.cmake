# Tests, by glob: no list to edit.
#
#     tests/unit/<room>/test_<file>.c     unit.<room>.<file>    the room and what it links
#     tests/server/<room>/test_<file>.c   server.<room>.<file>  the same, against a server that the environment names
#     tests/contract/<shape>_contract.c   contract.<shape>      every room
#     tests/fuzz/fuzz_<name>.c            fuzz.<name>           every room; replays tests/fuzz/corpus/<name>,
#                                                               in a WEIR_FUZZ build a libFuzzer program
#     tests/sim/sim_*.c                   sim.*                 one program; see tests/sim/sim.h
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
    set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 1200
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

    file(GLOB files RELATIVE ${dir}/server CONFIGURE_DEPENDS ${dir}/server/*/test_*.c)
    foreach(file IN LISTS files)
        string(REGEX MATCH "^([a-z0-9_]+)/test_([a-z0-9_]+)\\.c$" _ ${file})
        set(room ${CMAKE_MATCH_1})
        set(name ${CMAKE_MATCH_2})
        weir_test(server.${room}.${name} ${dir}/server/${file} "server"
                  $<TARGET_NAME_IF_EXISTS:weir_support_${room}> weir_${room})
        target_compile_options(t_server_${room}_${name} PRIVATE
                               "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src/${room}")
    endforeach()

    file(GLOB files CONFIGURE_DEPENDS ${dir}/contract/*_contract.c)
    foreach(file IN LISTS files)
        get_filename_component(name ${file} NAME_WE)
        string(REPLACE "_contract" "" name ${name})
        weir_test(contract.${name} ${file} "fast;contract" ${weir_all})
    endforeach()

    # Where servers are named to the tests, these work on one table of the same databases.
    foreach(name server.sink.mysql contract.sink contract.sink_repair contract.look contract.rename)
        if(TEST ${name})
            set_tests_properties(${name} PROPERTIES RESOURCE_LOCK mysql)
        endif()
    endforeach()

    # One program: the product's code with threads, clocks, memory and Kafka's client replaced.
    file(GLOB files CONFIGURE_DEPENDS ${dir}/sim/sim_*.c)
    if(files AND TARGET weir_engine)
        add_executable(sim ${files})
        target_link_libraries(sim PRIVATE ${weir_all} weir_flags)
        set_target_properties(sim PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
        target_compile_options(sim PRIVATE "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src"
                               "SHELL:-U_FORTIFY_SOURCE -U_FORTIFY_SOURCE") # which takes fibers for broken stacks
        foreach(name pthread_create pthread_join pthread_mutex_init pthread_mutex_destroy
                     pthread_mutex_lock pthread_mutex_unlock pthread_cond_init
                     pthread_cond_destroy pthread_cond_wait weir_cond_wait
                     pthread_cond_signal pthread_cond_broadcast
                     malloc calloc realloc free
                     weir_random_nonce weir_log_fields weir_metric_series weir_assert_failed
                     weir_kafka_open weir_kafka_close weir_kafka_partitions weir_kafka_ends
                     weir_kafka_compacted weir_kafka_peek weir_kafka_start weir_kafka_poll
                     weir_kafka_pause weir_kafka_commit)
            target_link_options(sim PRIVATE "LINKER:--wrap=${name}")
        endforeach()
        add_test(NAME sim.seeds COMMAND sim --seeds 1 200 --jobs 2)
        add_test(NAME sim.twice COMMAND sim --twice 1 20)
        set_tests_properties(sim.seeds sim.twice PROPERTIES LABELS "fast;sim" TIMEOUT 1200)
    endif()

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
