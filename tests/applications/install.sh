#!/usr/bin/env bash
# Installs what the tests of real applications are made with, from PyPI and the npm registry, into a folder: `tests/applications/install.sh [FOLDER]`,
# by itself target/applications. Nothing outside of it is changed.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="${1:-$here/../../target/applications}"
mkdir -p "$folder"
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
cp "$here/package.json" "$folder/"
npm install --prefix "$folder" --silent --no-audit --no-fund
# A module is looked for beside the file that imports it.
cp "$here"/*.mjs "$here"/*.py "$folder/"
