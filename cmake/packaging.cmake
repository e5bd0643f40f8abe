# What `cmake --install` puts beside bin/weir.
# SPDX-License-Identifier: Apache-2.0
if(EXISTS ${PROJECT_SOURCE_DIR}/docs/weir.1)
    install(FILES ${PROJECT_SOURCE_DIR}/docs/weir.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/cmake/weir.bash)
    install(FILES ${PROJECT_SOURCE_DIR}/cmake/weir.bash RENAME weir
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
