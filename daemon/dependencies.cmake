# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, all from the distribution's packages (deploy/install-deps.sh names them).
if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW)  # Boost's own configuration; CMake's module for it goes away
endif()
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(prometheus-cpp REQUIRED)  # Debian's package states no version
find_package(SQLite3 3.40 REQUIRED)
find_package(simdjson REQUIRED)  # asked for 3.0, it would refuse 3.12: a version file that wants the same minor
if(simdjson_VERSION VERSION_LESS 3.0)
  message(FATAL_ERROR "simdjson ${simdjson_VERSION} in ${simdjson_DIR} is too old: 3.0 or newer is needed")
endif()
find_package(CLI11 2.1 REQUIRED)
find_package(date 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis>=0.14)
pkg_check_modules(maxminddb REQUIRED IMPORTED_TARGET libmaxminddb)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)

# footfall_needs(OPTION WHAT PACKAGE [VERSION]): finds the package for an OPTION that is AUTO, ON or OFF. AUTO becomes OFF
# where the package is absent, and says so.
macro(footfall_needs option what package)
  if(${option} STREQUAL "AUTO")
    find_package(${package} ${ARGN} QUIET)
    if(NOT ${package}_FOUND)
      message(STATUS "${what} are not built: ${package} is not installed (deploy/install-deps.sh --tests)")
      set(${option} OFF)
    endif()
  elseif(${option})
    find_package(${package} ${ARGN} REQUIRED)
  endif()
endmacro()
footfall_needs(FOOTFALL_TESTS "the tests" GTest 1.12)
footfall_needs(FOOTFALL_BENCH "the benchmarks" benchmark)
