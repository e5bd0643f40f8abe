# weir-load, the program that fills topics: cmake --build BUILD --target weir-load.
# Part of `all` when tests are built. SPDX-License-Identifier: Apache-2.0
if(TARGET weir_source AND TARGET weir_client)
    file(GLOB load_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
    add_executable(weir-load ${load_sources})
    if(NOT WEIR_TESTS)
        set_target_properties(weir-load PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
    target_compile_options(weir-load PRIVATE "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(weir-load PRIVATE weir_source weir_client weir_base weir_flags)
endif()
