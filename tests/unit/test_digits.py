# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""AWS writes its ids with the digits 0 to 9; `\d` of Python, if nobody says otherwise, takes those of all scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail import plugins
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_parts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import BackupError

(ROOT,) = map(Path, plugins.__path__)
# Who has no such pattern need not be imported; what others hand on is tried where it comes from.
SOURCES = sorted(path for path in ROOT.rglob("*.py") if r"\d" in path.read_text(encoding="utf-8"))


def patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    """The compiled patterns in a constant."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping):
        yield from patterns([*value, *value.values()])
    elif isinstance(value, (list, tuple, frozenset)):
        yield from (each for one in value for each in patterns(one))


def calls_in(path: Path) -> Iterable[ast.Call]:
    """The calls in a file that take a pattern as they go."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "re":
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pattern_takes_digits_of_other_scripts(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = import_module(f"{plugins.__name__}.{name}")
    for pattern in patterns(list(vars(module).values())):
        assert r"\d" not in str(pattern.pattern) or pattern.flags & re.ASCII, pattern
    for call in calls_in(path):
        told = ast.unparse(call)
        assert r"\d" not in written(call) or "re.ASCII" in told, told


def written(call: ast.Call) -> str:
    """The text of the pattern, as far as it stands there."""
    parts = [node.value for each in call.args[:1] for node in ast.walk(each) if isinstance(node, ast.Constant)]
    return "".join(map(str, parts))


def test_a_backup_is_of_an_account_that_aws_knows(tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    path.write_text(
        '{"format": 2, "accounts": [{"account_id": "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660\u0661'
        '\u0662", "taken_at": "x", "trail_keys": [], "key_policies": [], "created_keys": []}]}',
        encoding="utf-8",
    )
    with pytest.raises(BackupError, match="not an account id in quotes"):
        read_parts(str(path))
