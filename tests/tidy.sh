#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy with the list of .clang-tidy over the project's sources, each once, as many at a time as there are cores;
# headers are looked at through what includes them. Takes the compile commands, and the headers that the build writes,
# from build/fuzz, which has to be built.  tests/tidy.sh [FILE.cc ...]
set -euo pipefail
cd "$(dirname "$0")/.."
commands=build/fuzz
[ -e "$commands/compile_commands.json" ] || { echo "tidy.sh: build first: cmake --preset fuzz && cmake --build --preset fuzz" >&2; exit 1; }
tidy() {
  local said
  if said=$(clang-tidy -p "$1" --quiet "$2" 2>&1); then return 0; fi
  grep -v 'warnings* generated' <<<"$said"
  return 1
}
export -f tidy
sources() {
  if [ $# -gt 0 ]; then
    printf '%s\n' "$@"
  else  # benchmarks are not in that tree
    git ls-files 'daemon/*.cc' 'client/*.cc' 'tests/unit/*.cc' 'tests/integration/*.cc' 'tests/fuzz/*.cc'
  fi
}
sources "$@" | xargs -P "$(nproc)" -I{} bash -c "tidy $commands {}"
