# SPDX-License-Identifier: Apache-2.0
# footfall::options carries what every target is compiled with: the standard, warnings, hardening, sanitizers.
add_library(footfall_options INTERFACE)
add_library(footfall::options ALIAS footfall_options)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_program(FOOTFALL_CCACHE ccache)
if(FOOTFALL_CCACHE)  # paths relative to the checkout, so that a second one finds what the first compiled
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${FOOTFALL_CCACHE})
endif()
include(CheckPIESupported)
check_pie_supported()

target_compile_features(footfall_options INTERFACE cxx_std_20)
target_include_directories(footfall_options INTERFACE ${PROJECT_SOURCE_DIR}/daemon)
target_compile_options(footfall_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  $<$<OR:$<STREQUAL:${FOOTFALL_TESTS},ON>,$<BOOL:${CMAKE_COMPILE_WARNING_AS_ERROR}>>:-Werror>  # not of who builds to use it, with a compiler that we have not met
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Wreserved-identifier -Wno-missing-braces>
  $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>  # without it -fPIC keeps gcc from inlining what has a name outside, as clang does
  -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(footfall_options INTERFACE -fcf-protection)
endif()
target_link_options(footfall_options INTERFACE -Wl,-z,relro,-z,now)
if(FOOTFALL_SANITIZE)
  target_compile_options(footfall_options INTERFACE -fsanitize=${FOOTFALL_SANITIZE} -fno-sanitize-recover=all
    -fno-sanitize=vptr)  # vptr reads memory through a pipe, and errs where a test has left no descriptor free
  target_link_options(footfall_options INTERFACE -fsanitize=${FOOTFALL_SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo")
  target_compile_definitions(footfall_options INTERFACE _FORTIFY_SOURCE=3 _GLIBCXX_ASSERTIONS)
  target_compile_options(footfall_options INTERFACE -fstack-clash-protection)
endif()
if(FOOTFALL_COVERAGE)
  target_compile_options(footfall_options INTERFACE --coverage)
  target_link_options(footfall_options INTERFACE --coverage)
endif()

# Of what runs once: under sanitizers optimising it takes longer than it saves, half of the time that these builds take.
function(footfall_runs_once target)
  if(FOOTFALL_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# footfall_module(NAME SOURCES ... LINKS ...): one library with an alias per module. The link lines are the architecture.
function(footfall_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(footfall_${name} STATIC ${ARG_SOURCES})
  add_library(footfall::${name} ALIAS footfall_${name})
  target_link_libraries(footfall_${name} PUBLIC footfall::options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()
