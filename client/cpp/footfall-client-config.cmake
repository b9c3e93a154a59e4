# SPDX-License-Identifier: Apache-2.0
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(simdjson)
include(${CMAKE_CURRENT_LIST_DIR}/footfall-client-targets.cmake)
