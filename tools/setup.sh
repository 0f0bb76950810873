#!/bin/sh
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Makes .venv, with everything that the demonstration and the tests need, and shows it this checkout
# as the collection aws_baseline.cloudtrail. A second call finds its stamp and does nothing.
# $PYTHON chooses the interpreter; without it the first one that serves is taken.

set -eu
unset PYTHONHOME PYTHONPATH
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
venv=$root/.venv
stamp=$venv/.set-up

say() { printf '%s\n' "$*" >&2; }

candidates() {
    if [ -n "${PYTHON:-}" ]; then
        printf '%s\n' "$PYTHON"
        return
    fi
    printf '%s\n' python3.13 python3.12 python3
    pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}
    printf '%s\n' "$pyenv"/versions/3.13.*/bin/python3 "$pyenv"/versions/3.12.*/bin/python3
}

# Prints the interpreter behind $1 (which may be that of a virtual environment), or nothing if it does not serve.
# It is run before it is believed: pyenv leaves shims on PATH that only say "command not found".
interpreter() {
    "$1" 2>/dev/null - <<'PYTHON'
import os, sys
if sys.version_info[:2] in ((3, 12), (3, 13)):
    print(os.path.realpath(sys._base_executable))
PYTHON
}

find_python() {
    candidates | {
        lacking=
        while IFS= read -r candidate; do
            found=$(interpreter "$candidate") && [ -n "$found" ] || continue
            if "$found" -c 'import ensurepip, venv' 2>/dev/null; then
                printf '%s\n' "$found"
                return
            fi
            lacking=$found
        done
        if [ -n "$lacking" ]; then
            say "$lacking cannot make a virtual environment: install python3-venv (on Debian: apt-get install python3-venv)."
        elif [ -n "${PYTHON:-}" ]; then
            say "PYTHON=$PYTHON is no Python 3.12 or 3.13: name one, or unset PYTHON to have one looked for."
        else
            say "There is no Python 3.12 or 3.13 on PATH or among pyenv's versions: install one, or set PYTHON to its path."
        fi
        return 1
    }
}

# What the environment is made from: it is made anew when a pin changes or the checkout has moved.
made_from() {
    printf '%s\n' "$root"
    cat "$root/requirements/uv.txt" "$root/requirements/test.txt" "$root/tools/setup.sh"
}

up_to_date() {
    made_from | cmp -s - "$stamp" || return 1
    present=$(interpreter "$venv/bin/python") || return 1
    [ -z "${PYTHON:-}" ] || [ "$present" = "$(find_python)" ]
}

make_venv() {
    python=$(find_python)
    say "Setting up .venv with $python; the first time takes about a minute ..."
    # Without its stamp an environment may be half made, so it is cleared; with it, only what changed is installed.
    if [ ! -e "$stamp" ] || [ "$(interpreter "$venv/bin/python")" != "$python" ]; then
        "$python" -m venv --clear "$venv"
    fi
    rm -f "$stamp"
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --requirement "$root/requirements/uv.txt"
    "$venv/bin/uv" pip sync --quiet --system-certs --python "$venv/bin/python" "$root/requirements/test.txt"
}

# Ansible finds a collection by its folder, and pytest as a package in the same place. mypy wants a place of its
# own, since what lies among the installed packages is no source to it.
show_collection() {
    packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    for place in "$packages" "$venv/mypy_path"; do
        mkdir -p "$place/ansible_collections/aws_baseline"
        ln -sfn "$root" "$place/ansible_collections/aws_baseline/cloudtrail"
    done
}

if up_to_date; then exit 0; fi
make_venv
show_collection
made_from >"$stamp"
