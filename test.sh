#!/usr/bin/env bash
# Installs tokbench with everything the tests need into .venv and runs all tests (README, second command).
set -euo pipefail
cd "$(dirname "$0")"
python3 -m venv .venv
. .venv/bin/activate
python -m pip install --quiet --upgrade "pip>=25.1"
python -m pip install --quiet --editable . --group dev
exec python -m pytest -n auto --dist worksteal "$@"  # neighbours share fixtures, and no worker waits for the last file
