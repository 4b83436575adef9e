#!/usr/bin/env bash
# Installs what the tests of real applications are made with, from PyPI and the npm registry, into a folder: `tests/applications/install.sh [FOLDER]`,
# by itself target/applications. Sidekiq and phpredis are Debian's, for the whole machine, where root asks for it; where they cannot be had it goes on without.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="${1:-$here/../../target/applications}"
mkdir -p "$folder"
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
cp "$here/package.json" "$folder/"
npm install --prefix "$folder" --silent --no-audit --no-fund
# The tests put the scripts there: a module is looked for beside the file that imports it.
if ! { sidekiq --version && php -r 'exit(class_exists("Redis") ? 0 : 1);'; } >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends ruby-sidekiq php-cli php-redis || true
    else
        echo "no Sidekiq or no phpredis: their tests are SKIPPED; Debian 12 has them: as root, apt-get install ruby-sidekiq php-cli php-redis"
    fi
fi
