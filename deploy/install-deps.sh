#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs, by name, the packages that footfall is built from (Debian 12 and newer, Ubuntu 24.04). Run as root.
#   deploy/install-deps.sh            what the build needs, and deploy/debian/build.sh
#   deploy/install-deps.sh --tests    also what the tests and the checks need
#   deploy/install-deps.sh --bench    also what the benchmarks compare with, what the tests need among it
set -euo pipefail

build=(g++ cmake ninja-build pkg-config ccache python3 binutils dpkg-dev tzdata ca-certificates curl
  libssl-dev libspdlog-dev prometheus-cpp-dev libsqlite3-dev libsimdjson-dev libcli11-dev
  libhowardhinnant-date-dev libre2-dev libhiredis-dev libmaxminddb-dev libtomlplusplus-dev zlib1g-dev uap-core ruby-device-detector esbuild)
tests=(clang clang-format clang-tidy libclang-rt-dev libgtest-dev libbenchmark-dev libprotobuf-dev protobuf-compiler redis-server redis-sentinel nginx-light haproxy caddy apache2-bin prometheus
  iproute2 valgrind wrk strace faketime e2fsprogs procps systemd systemd-container python3-yaml git chromium)
bench=(libnginx-mod-http-lua lua-nginx-redis goaccess)

# Releases differ in how these are called: of each line the first that the release has is taken.
build_either=("libboost1.83-dev libboost1.81-dev")
tests_either=("libclang-rt-dev libclang-rt-14-dev")
bench_either=("linux-perf linux-tools-generic")

# It installs axe-core, which judges the dashboard's accessibility; 54 MB with what it needs. Who has it from elsewhere
# keeps that.
command -v npm >/dev/null || tests+=(npm)

with_tests=0 with_bench=0
for argument in "$@"; do
  case "$argument" in
    --tests) with_tests=1 ;;
    --bench) with_tests=1 with_bench=1 ;;
    *) echo "install-deps.sh: $argument is no argument of it; usage: install-deps.sh [--tests] [--bench]" >&2; exit 2 ;;
  esac
done

[ "$(id -u)" = 0 ] || { echo "install-deps.sh: run it as root, or install these yourself: ${build[*]} ${build_either[*]}" >&2; exit 1; }
wanted=("${build[@]}")
either=("${build_either[@]}")
if [ "$with_tests" = 1 ]; then
  wanted+=("${tests[@]}")
  either+=("${tests_either[@]}")
fi
if [ "$with_bench" = 1 ]; then
  wanted+=("${bench[@]}")
  either+=("${bench_either[@]}")
fi

export DEBIAN_FRONTEND=noninteractive
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
any_installed() {
  local name
  for name in "$@"; do if installed "$name"; then return 0; fi; done
  return 1
}

absent=()
for name in "${wanted[@]}"; do installed "$name" || absent+=("$name"); done
undecided=()
for names in "${either[@]}"; do
  # shellcheck disable=SC2086  # a list of names
  any_installed $names || undecided+=("$names")
done
if [ ${#absent[@]} = 0 ] && [ ${#undecided[@]} = 0 ]; then exit 0; fi

apt-get update -q
for names in "${undecided[@]}"; do
  chosen=
  for name in $names; do
    if apt-cache show "$name" >/dev/null 2>&1; then chosen=$name; break; fi
  done
  [ -n "$chosen" ] || { echo "install-deps.sh: this release has none of: $names" >&2; exit 1; }
  absent+=("$chosen")
done

# A service that a package brings is not to be started by installing it: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get install -q -y --no-install-recommends "${absent[@]}"
