#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds footfalld as gcc can where it has seen it work: once with counters in the code, then under the load below, and
# once more by what they counted. Twice the time of a build and half a minute; what a hit costs then stands in the README.
#   deploy/build-profiled.sh      leaves build/profiled/footfalld and build/profiled/footfall
# Ports, of loopback, while it runs: FOOTFALL_PORT (18080), FOOTFALL_ADMIN_PORT (18081).
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/profiled port=${FOOTFALL_PORT:-18080} admin_port=${FOOTFALL_ADMIN_PORT:-18081} site=profile.example

configure() {
  cmake --preset release -DFOOTFALL_TESTS=OFF -DFOOTFALL_BENCH=OFF -DFOOTFALL_PROFILE="$1" -B "$build" >/dev/null
}

configure generate
find "$build" -name '*.gcda' -delete  # of a build before
cmake --build "$build" --target footfalld footfall

scratch=$(mktemp -d)
daemon=
finish() {
  trap - EXIT INT TERM
  if [ -n "$daemon" ]; then kill -TERM "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'finish; exit 1' INT TERM

start() {
  "$build/footfalld" --data-dir "$scratch/data" --listen "127.0.0.1:$port" --admin "127.0.0.1:$admin_port" --threads 1 \
    --durability kernel --rate-limit 0 --checkpoint-interval 10 --log-level warning &
  daemon=$!
  for _ in $(seq 300); do
    if curl -fsS -o /dev/null "http://127.0.0.1:$admin_port/readyz" 2>/dev/null; then return; fi
    if ! kill -0 "$daemon" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "deploy/build-profiled.sh: the daemon did not start; are ports $port and $admin_port free? FOOTFALL_PORT and FOOTFALL_ADMIN_PORT name others" >&2
  exit 1
}
stop() {
  kill -TERM "$daemon"
  wait "$daemon"
  daemon=
}
command=("$build/footfall")
where=(--admin "http://127.0.0.1:$admin_port" --token-file "$scratch/data/admin-token")
load() {
  "${command[@]}" bench --json --site "$site" --url "http://127.0.0.1:$port" "${where[@]}" "$@" >/dev/null
}

start
"${command[@]}" site add "$site" "${where[@]}" >/dev/null
load --seconds 5 --visitors 20000 --request mixed
load --seconds 5 --visitors 200000 --pipeline 16
load --seconds 5 --visitors 200000 --batch 1000
load --seconds 2 --reconnect
token=$(cat "$scratch/data/admin-token")
for n in $(seq 1000); do
  printf '{"site":"%s","path":"/news/%d","address":"10.3.%d.%d","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36"}\n' \
    "$site" $((n % 97)) $((n / 250)) $((n % 250)) $((100 + n % 20))
done >"$scratch/batch"
for _ in $(seq 100); do
  curl -fsS -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: application/x-ndjson' --data-binary "@$scratch/batch" "http://127.0.0.1:$port/v1/hits"
done
for _ in $(seq 50); do
  curl -fsS -o /dev/null -o /dev/null "http://127.0.0.1:$port/widget/$site.svg" "http://127.0.0.1:$admin_port/metrics"
done
stop
start  # what was written is replayed
stop

configure use
cmake --build "$build" --target footfalld footfall
echo "$build/footfalld and $build/footfall are built"
