#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds what is measured and measures it against the goals; see suite.py, which the arguments go to:
#   tests/bench/run.sh --only P3
set -euo pipefail
cd "$(dirname "$0")/../.."
cmake --preset release >/dev/null
cmake --build --preset release
exec tests/bench/suite.py build/release "$@"
