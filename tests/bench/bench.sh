#!/bin/bash
# Measures Berth against what docs/performance.md promises, on a private copy of this host. Prints one table and writes
# build/bench.json.
#
#   tests/bench/bench.sh [ROW…]    only these rows; `tests/bench/bench.sh help` names them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec tests/host/enter /usr/bin/python3 -B tests/bench/bench.py "$@"
