#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need (as root; otherwise it must be there), builds, and runs every test. Closes on ctest's
# summary. Arguments go to ctest:  tests/run.sh -L unit
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ]; then deploy/install-deps.sh --tests; fi
# What judges the dashboard's accessibility. Debian has npm, but not this; without either those tests are skipped.
if command -v npm >/dev/null && [ ! -e build/node_modules/axe-core/axe.min.js ]; then
  mkdir -p build
  npm install --prefix build --no-save --ignore-scripts --no-audit --no-fund --silent axe-core@4
fi
preset=${FOOTFALL_PRESET:-release}
cmake --preset "$preset" -DFOOTFALL_TESTS=ON  # what they need is there, or that is an error
cmake --build --preset "$preset"
exec ctest --preset "$preset" -j "$(($(nproc) + 1))" "$@"  # most of them wait most of the time
