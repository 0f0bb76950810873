#!/bin/sh
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Prints the path of a Python that can make a virtual environment and has one of the versions given (as 3.13 3.12,
# the better first), or says in one line what to install. $PYTHON, where it is set, is the only candidate.

set -eu
unset PYTHONHOME PYTHONPATH
lacking=

say() { printf '%s\n' "$*" >&2; }

# Takes the candidate $1 if it serves. It is run before it is believed: pyenv leaves shims on PATH that only say
# "command not found". Of a virtual environment the interpreter behind it is taken.
try() {
    found=$("$1" -c '
import os, sys
if "%d.%d" % sys.version_info[:2] in sys.argv[1].split():
    print(os.path.realpath(sys._base_executable))
' "$versions" 2>/dev/null </dev/null) || return 0
    [ -n "$found" ] || return 0
    if "$found" -c 'import ensurepip, venv' 2>/dev/null </dev/null; then
        printf '%s\n' "$found"
        exit
    fi
    lacking=$found
}

versions=$*
either=$(printf '%s' "$versions" | sed 's/ / or /g')
if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON"
else
    for version in $versions; do
        try "python$version"
        for python in "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version".*/bin/python3; do
            try "$python"
        done
    done
    try python3
fi

if [ -n "$lacking" ]; then
    say "$lacking cannot make a virtual environment: install python3-venv (on Debian: apt-get install python3-venv)."
elif [ -n "${PYTHON:-}" ]; then
    say "PYTHON=$PYTHON is no Python $either: name one, or unset PYTHON to have one looked for."
else
    say "There is no Python $either on PATH or among pyenv's versions: install one, or set PYTHON to its path."
fi
exit 1
