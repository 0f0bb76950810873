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
stamp=$venv/.set-up

find_python() { "$root/tools/find_python.sh" 3.13 3.12; }

# The interpreter that the environment was made with, nothing if it does not run.
present() { PYTHON=$venv/bin/python find_python 2>/dev/null || true; }

# What the environment is made from: it is made anew when a pin changes or the checkout has moved.
made_from() {
    printf '%s\n' "$root"
    cat "$root/requirements/uv.txt" "$root/requirements/test.txt" "$root/tools/setup.sh"
}

up_to_date() {
    made_from | cmp -s - "$stamp" || return 1
    python=$(present)
    [ -n "$python" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$python" = "$(find_python)" ]
}

make_venv() {
    python=$(find_python)
    printf 'Setting up .venv with %s; the first time takes about a minute ...\n' "$python" >&2
    # Without its stamp an environment may be half made, so it is cleared; with it, only what changed is installed.
    if [ ! -e "$stamp" ] || [ "$(present)" != "$python" ]; then
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

if up_to_date; then
    [ -z "${1:-}" ] || echo '.venv is up to date.'
    exit 0
fi
make_venv
show_collection
made_from >"$stamp"
