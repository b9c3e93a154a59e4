#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need (as root; otherwise it must be there), builds, and runs every test. Closes on ctest's
# summary. Arguments go to ctest:  tests/run.sh -L unit
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ]; then deploy/install-deps.sh --tests; fi
preset=${FOOTFALL_PRESET:-release}
cmake --preset "$preset" -DFOOTFALL_TESTS=ON  # what they need is there, or that is an error
cmake --build --preset "$preset"
exec ctest --preset "$preset" -j "$(nproc)" "$@"
