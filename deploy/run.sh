#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh Debian 12 to a page whose foot shows the two numbers live:
#   deploy/run.sh            installs what is needed, builds, starts footfalld and a demo page, until Ctrl-C
#   deploy/run.sh --check    does all that, sends pings, checks the numbers, and exits 0 if they are right
# Ports: FOOTFALL_PORT (8080), FOOTFALL_ADMIN_PORT (8081), FOOTFALL_DEMO_PORT (8090). Data: FOOTFALL_DATA (build/demo-data).
set -euo pipefail
cd "$(dirname "$0")/.."

check=false
case "${1:-}" in
  "") ;;
  --check) check=true ;;
  *) echo "usage: deploy/run.sh [--check]" >&2; exit 2 ;;
esac
port=${FOOTFALL_PORT:-8080} admin_port=${FOOTFALL_ADMIN_PORT:-8081} demo_port=${FOOTFALL_DEMO_PORT:-8090}
site=demo.example

if [ "$(id -u)" = 0 ]; then deploy/install-deps.sh; fi
cmake --preset release -DFOOTFALL_TESTS=OFF -DFOOTFALL_BENCH=OFF -B build/deploy
cmake --build build/deploy --target footfalld footfall
mkdir -p build/demo

pids=()
scratch=
finish() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
}
trap finish EXIT
trap 'finish; exit 0' INT TERM

if $check; then
  scratch=$(mktemp -d)
  data=$scratch/data
else
  data=${FOOTFALL_DATA:-$PWD/build/demo-data}
fi
export FOOTFALL_URL=http://127.0.0.1:$port FOOTFALL_ADMIN=http://127.0.0.1:$admin_port FOOTFALL_TOKEN_FILE=$data/admin-token
footfall=$PWD/build/deploy/footfall

build/deploy/footfalld --data-dir "$data" --listen "127.0.0.1:$port" --admin "127.0.0.1:$admin_port" &
pids+=($!)
for _ in $(seq 200); do
  kill -0 "${pids[0]}" 2>/dev/null || { echo "run.sh: footfalld did not start; see above" >&2; exit 1; }
  if curl -fs "$FOOTFALL_URL/readyz" >/dev/null; then break; fi
  sleep 0.05
done
curl -fs "$FOOTFALL_URL/readyz" >/dev/null || { echo "run.sh: footfalld is not ready on port $port" >&2; exit 1; }

if ! "$footfall" site show "$site" >/dev/null 2>&1; then
  "$footfall" site add "$site" --host localhost --host 127.0.0.1 --timezone Asia/Ho_Chi_Minh --lang vi --grouping dot >/dev/null
  "$footfall" seed "$site" --total 41450743 --reason "carried over from the old counter" >/dev/null
fi

sed -e "s|@URL@|$FOOTFALL_URL|g" -e "s|@SITE@|$site|g" client/web/demo.html >build/demo/index.html
python3 -m http.server --bind 127.0.0.1 --directory build/demo "$demo_port" >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 100); do
  if curl -fs "http://127.0.0.1:$demo_port/" >/dev/null; then break; fi
  sleep 0.05
done
curl -fs "http://127.0.0.1:$demo_port/" | grep -q "data-footfall" || { echo "run.sh: the demo page is not served on port $demo_port" >&2; exit 1; }

cat <<END
the demo page       http://127.0.0.1:$demo_port/
the numbers         $FOOTFALL_URL/v1/sites/$site/stats
the counter         $FOOTFALL_URL/widget/$site
metrics             $FOOTFALL_ADMIN/metrics
the dashboard       $FOOTFALL_URL/sites/$site
the admin token     $FOOTFALL_TOKEN_FILE
  which also signs in to the dashboard: type it in there, or open the dashboard with #token=TOKEN behind its address
END

if ! $check; then
  echo "Ctrl-C stops it; what was counted stays in $data"
  code=0
  wait -n "${pids[@]}" || code=$?
  what=footfalld
  if kill -0 "${pids[0]}" 2>/dev/null; then what="the server of the demo page"; fi
  echo "run.sh: $what ended by itself, with exit code $code; see above" >&2
  exit 1
fi

fail() { echo "run.sh --check: $*" >&2; exit 1; }
browser="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome"
for visitor in $(seq 46); do  # each with an agent of their own, through the pixel
  curl -fs -A "$browser/$((100 + visitor)).0.0.0 Safari/537.36" -o /dev/null "$FOOTFALL_URL/hit.gif?site=$site&path=/" || fail "the pixel was refused"
done
curl -fs -A "$browser/200.0.0.0" -H 'Content-Type: text/plain' -d "{\"site\":\"$site\",\"path\":\"/\"}" "$FOOTFALL_URL/hit" || fail "POST /hit was refused"
curl -fs -A "$browser/201.0.0.0" "$FOOTFALL_URL/hit?site=$site&path=/" || fail "GET /hit was refused"
curl -fs "$FOOTFALL_URL/footfall.js" | grep -q footfall || fail "the page script is not served"
text=$(curl -fs "$FOOTFALL_URL/widget/$site.txt")
expected='Tổng số lượt truy cập: 41.450.791
Số người đang truy cập: 48'
[ "$(printf '%s\n' "$text" | head -n 2)" = "$expected" ] || fail "the counter reads: $text"
"$footfall" stats "$site" --json | grep -q '"total": *41450791' || fail "footfall stats does not show the total"
curl -fs "$FOOTFALL_ADMIN/metrics" -H "Authorization: Bearer $(cat "$FOOTFALL_TOKEN_FILE")" | grep -q '^footfall_hits_accepted_total 48$' || fail "the metrics do not show 48 hits"
kill -TERM "${pids[0]}"
wait "${pids[0]}" || fail "footfalld did not end cleanly"
echo "$text"
echo "check passed: 48 pings through the pixel, POST and GET; the counter, stats and metrics agree"
