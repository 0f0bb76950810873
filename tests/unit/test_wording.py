# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make lint` finds the words that were replaced by plainer ones, wherever a line ends within them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.wording import main

FOUND = {
    "Whoever pays, mends it.": ["2: 'Whoever'", "2: 'mends'"],
    "remove this, or take the key\n# off the backup": ["2: 'take the key # off'"],
    '"none of them was looked "\n    "at"': ["2: 'looked \" \"at'"],
    "looked for a mention of take-off": [],
}


@pytest.mark.parametrize(("text", "told"), FOUND.items(), ids=range(len(FOUND)))
def test_a_word_is_found_with_its_line(
    text: str, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text(f"First.\n{text}\n", encoding="utf-8")
    assert main([str(tmp_path)]) == (1 if told else 0)
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.partition(": write ")[0].partition("page.md:")[2] for line in lines) == sorted(told)
