#!/bin/sh
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Makes .venv, with everything that the demonstration and the tests need, and shows it this checkout
# as the collection aws_baseline.cloudtrail. A second call finds its stamp, and says so
# where it was asked for by its name.

set -eu
unset PYTHONHOME PYTHONPATH
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
venv=$root/.venv
pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}/versions

# What the environment is made from: it is made anew when a pin changes or the checkout has moved.
made_from() {
    printf '%s\n' "$root"
    cat "$root/requirements/uv.txt" "$root/requirements/test.txt" "$root/tools/setup.sh"
}

# Each is run before it is believed: pyenv leaves shims on PATH that only say "command not found".
find_python() {
    for python in ${PYTHON:-python3.13 "$pyenv"/3.13.*/bin/python3 python3.12 "$pyenv"/3.12.*/bin/python3 python3}; do
        "$python" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null || continue
        printf '%s\n' "$python"
        return
    done
    echo "${PYTHON:-Nothing on PATH or of pyenv} is no Python 3.13 or 3.12: install one, or set PYTHON to its path." >&2
    return 1
}

if made_from | cmp -s - "$venv/.set-up" && "$venv/bin/python" -c '' 2>/dev/null; then
    [ -z "${1:-}" ] || echo '.venv is up to date.'
    exit 0
fi
python=$(find_python)
echo "Setting up .venv with $python; the first time takes about a minute ..." >&2
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet --requirement "$root/requirements/uv.txt"
"$venv/bin/uv" pip sync --quiet --system-certs --python "$venv/bin/python" "$root/requirements/test.txt"
# Ansible finds a collection by its folder, and pytest as a package in the same place. mypy wants a place of its
# own, since what lies among the installed packages is no source to it.
for place in "$venv"/lib/python3.*/site-packages "$venv/mypy_path"; do
    mkdir -p "$place/ansible_collections/aws_baseline"
    ln -sfn "$root" "$place/ansible_collections/aws_baseline/cloudtrail"
done
made_from >"$venv/.set-up"
