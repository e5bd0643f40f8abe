# Compiler flags of all targets, and of weir's own C as the target `weir_flags`.
# SPDX-License-Identifier: Apache-2.0
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(weir_debug "-O1 -g")
if(WEIR_COVERAGE)
    set(weir_debug "-O0 -g")
endif()
set(CMAKE_C_FLAGS_DEBUG "${weir_debug}")
set(CMAKE_CXX_FLAGS_DEBUG "${weir_debug}")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64)
# Paths in asserts, errors and debug information are relative to the tree.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -fno-strict-aliasing
                    -fno-omit-frame-pointer)

function(weir_add_if_known flag)
    string(MAKE_C_IDENTIFIER "WEIR_HAS${flag}" known)
    check_c_compiler_flag("${flag}" ${known})
    if(${known})
        add_compile_options("${flag}")
    endif()
endfunction()

# Hardening goes into builds that people run. Sanitizers find more without it.
set(WEIR_FORTIFIED -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
if(NOT WEIR_SANITIZE AND NOT WEIR_COVERAGE AND NOT WEIR_FUZZ
   AND CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo|MinSizeRel)$")
    add_compile_options(${WEIR_FORTIFIED})
    foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
                 -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3)
        weir_add_if_known(${flag})
    endforeach()
    add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

if(WEIR_SANITIZE)
    add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "fuzzing needs clang: -DCMAKE_C_COMPILER=clang")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()
# A hundred tests are linked one by one: with lld in a third of the time.
if(WEIR_TESTS AND NOT WEIR_LTO)
    include(CheckLinkerFlag)
    check_linker_flag(C -fuse-ld=lld WEIR_KNOWS_LLD)
    if(WEIR_KNOWS_LLD)
        add_link_options(-fuse-ld=lld)
    endif()
endif()
if(WEIR_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
if(WEIR_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(RESULT weir_lto_works OUTPUT weir_lto_why LANGUAGES C CXX)
    if(weir_lto_works)
        set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
        add_link_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=) # the linker compiles
    else()
        message(WARNING "no link-time optimisation: ${weir_lto_why}")
    endif()
endif()

add_library(weir_flags INTERFACE)
target_include_directories(weir_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(weir_flags INTERFACE
    $<$<BOOL:${WEIR_FAILPOINTS}>:WEIR_FAILPOINTS>
    $<$<BOOL:${WEIR_MUTANTS}>:WEIR_MUTANTS>
    $<$<BOOL:${WEIR_SLOW_ASSERTS}>:WEIR_SLOW_ASSERTS>
    $<$<BOOL:${WEIR_SMALL_LIMITS}>:WEIR_SMALL_LIMITS>)
target_compile_options(weir_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wvla -Wimplicit-fallthrough -Wformat=2
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> # messages are cut off on purpose
    -Wundef -Wpointer-arith -Wwrite-strings -Werror=format-security
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wno-gnu-zero-variadic-macro-arguments>
    $<$<BOOL:${WEIR_WERROR}>:-Werror>)
if(WEIR_SANITIZE MATCHES undefined AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # gcc takes the shifts that UBSan writes for conversions of ours; the twins below do warn.
    target_compile_options(weir_flags INTERFACE
        $<$<NOT:$<BOOL:$<TARGET_PROPERTY:WEIR_TWIN>>>:-Wno-sign-conversion>)
endif()
target_link_libraries(weir_flags INTERFACE Threads::Threads m)

# With sanitizers gcc says less: nothing of signs (above), little of variables that may not be set.
# So in a build for developers every file has a twin that is compiled as people compile it,
# and thrown away: what the optimised build would warn of is found where it is written.
function(weir_twins)
    get_property(targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target IN LISTS targets)
        get_target_property(type ${target} TYPE)
        get_target_property(unused ${target} EXCLUDE_FROM_ALL)
        if(type MATCHES "^(STATIC_LIBRARY|EXECUTABLE)$" AND NOT unused)
            weir_twin(${target})
        endif()
    endforeach()
endfunction()

function(weir_twin of)
    foreach(property SOURCES INCLUDE_DIRECTORIES COMPILE_DEFINITIONS COMPILE_OPTIONS LINK_LIBRARIES)
        get_target_property(value ${of} ${property})
        if(NOT value)
            set(value "")
        endif()
        set(${property} "${value}")
    endforeach()
    set(own ${INCLUDE_DIRECTORIES})
    list(FILTER own INCLUDE REGEX "^(${PROJECT_SOURCE_DIR}|${PROJECT_BINARY_DIR})/")
    list(FILTER INCLUDE_DIRECTORIES EXCLUDE REGEX "^(${PROJECT_SOURCE_DIR}|${PROJECT_BINARY_DIR})/")
    add_library(${of}_twin OBJECT ${SOURCES})
    set_target_properties(${of}_twin PROPERTIES WEIR_TWIN ON COMPILE_OPTIONS "${COMPILE_OPTIONS}")
    target_include_directories(${of}_twin PRIVATE ${own})
    target_include_directories(${of}_twin SYSTEM PRIVATE ${INCLUDE_DIRECTORIES})
    target_compile_definitions(${of}_twin PRIVATE ${COMPILE_DEFINITIONS})
    target_compile_options(${of}_twin PRIVATE -fno-sanitize=all -O2 -g0 -UWEIR_SLOW_ASSERTS
                                              ${WEIR_FORTIFIED})
    target_link_libraries(${of}_twin PRIVATE ${LINK_LIBRARIES})
endfunction()
