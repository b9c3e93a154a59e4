#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target of build/fuzz for SECONDS each (default 60), as many at a time as there are cores. It begins with
# tests/fuzz/corpus/NAME/ and what build/fuzz/corpus/NAME/ kept of earlier runs; what a target finds stays in
# build/fuzz/found/.  tests/fuzz/run.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
mkdir -p build/fuzz/found
fuzz() {
  local name=$1 seconds=$2 corpus=build/fuzz/corpus/$1
  mkdir -p "$corpus"
  if build/fuzz/tests/fuzz/"$name" -dict=tests/fuzz/"$name".dict -max_total_time="$seconds" -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/found/$name-" "$corpus" tests/fuzz/corpus/"$name" >"build/fuzz/$name.log" 2>&1; then
    echo "$name: $(grep -o 'number_of_executed_units: *[0-9]*' "build/fuzz/$name.log" | grep -o '[0-9]*$') runs, nothing found"
  else
    tail -n 40 "build/fuzz/$name.log"
    echo "$name: FAILED; the input is in build/fuzz/found/"
    return 1
  fi
}
export -f fuzz
for source in tests/fuzz/*_fuzz.cc; do basename "$source" .cc; done | xargs -P "$(nproc)" -I{} bash -c "fuzz {} $seconds"
