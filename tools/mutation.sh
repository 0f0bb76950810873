#!/bin/sh
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Mutation testing of the key-policy engine: change it in a thousand small ways, and see that its tests notice.
# Takes half an hour to an hour of one core, so it is no part of `make test`. Prints the survivors, which
# docs/internals/proofs.md explains, and fails when less than 90 % are killed. mutmut ends a process by its id after a time
# (mutmut/workers/timeout.py), and by then the id may be that of another run: `unshare -pf --mount-proc` keeps it apart.

set -eu
root=$PWD
work=$root/.cache/mutation
package=ansible_collections/aws_baseline/cloudtrail/plugins/module_utils

# mutmut wants the source under the name it is imported by, and nothing else of that name in sight.
rm -rf "$work"
mkdir -p "$work/$(dirname "$package")" "$work/tests/unit"
cp -R "$root/plugins/module_utils" "$work/$package"
cp -R "$root/tests/unit/checks" "$root/tests/unit/policy" "$root/tests/unit/profiles.py" "$work/tests/unit/"
cd "$work"
rm tests/unit/checks/test_older_logs.py # it reads docs/, and reports
find ansible_collections tests -type d -exec sh -c ': >>"$1/__init__.py"' - {} \;
printf '%s\n' 'from tests.unit.profiles import load_profile' 'load_profile()' >tests/unit/conftest.py
printf '%s\n' '[mutmut]' 'source_paths=ansible_collections' 'only_mutate=*/_policy/*' 'also_copy=tests' \
    'pytest_add_cli_args_test_selection=' '  tests/unit/policy' '  tests/unit/checks' >setup.cfg
HYPOTHESIS_PROFILE=brief nice mutmut run --max-children 1 >mutation.log 2>&1 || {
    tail -n 20 mutation.log >&2
    exit 1
}
mutmut results
mutmut export-cicd-stats >/dev/null
python -c '
import json, sys
found = json.load(open("mutants/mutmut-cicd-stats.json"))
killed, total = found["killed"] + found["timeout"], found["total"]
print(f"{killed} of {total} mutants killed, {killed / total:.1%}")
sys.exit(killed < 0.9 * total)'
