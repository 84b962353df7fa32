#!/bin/sh
# Copies the third-party files of the dashboard from the npm registry, in the versions of package-lock.json: vendor.sh [FOLDER]. The
# default folder is this one. "make vendor-web" calls it; npm checks the sums in the lock file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${1:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/package.json" "$here/package-lock.json" "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --silent)
mkdir -p "$into/static/third_party/uplot" "$into/testdata/axe-core"
cd "$work/node_modules"
cp uplot/dist/uPlot.esm.js uplot/dist/uPlot.min.css uplot/LICENSE "$into/static/third_party/uplot"
cp axe-core/axe.min.js axe-core/LICENSE "$into/testdata/axe-core"
cd "$into"
sha256sum static/third_party/*/* testdata/axe-core/* >third_party.sha256
