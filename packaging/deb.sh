#!/bin/bash
# Makes the Debian packages: build/deb/berth_VERSION_ARCH.deb and build/deb/berth-api_VERSION_ARCH.deb. Needs no root and
# writes to build/deb alone, where a copy of the source tree is built with packaging/debian as its debian/.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$PWD/build/deb
copy=$out/source
log=$out/log
mkdir -p "$out"

# What an earlier run compiled is used again, unless it was told otherwise how.
if ! cmp -s Makefile "$copy/Makefile"; then
	rm -rf "$copy"
fi
mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
tar -c --exclude=./build --exclude=./.git --exclude=__pycache__ . | tar -x -C "$copy" --no-same-owner
cp -r packaging/debian "$copy/debian"

# A make that called this one has flags of its own. Debug packages would take longer than all else.
unset MAKEFLAGS MFLAGS MAKELEVEL
cd "$copy"
rm -f "$out"/berth*
if ! DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -b -nc -us -uc -j"$(nproc)" >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
ls "$out"/*.deb
