# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text from AWS is laid out by the columns it takes, and can neither break a line nor steer a terminal."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import to_json
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._printable import printable
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._text import (
    columns,
    in_general,
    pad,
    wrap,
    wrap_hanging,
    wrap_remediation,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("main", "main"),
        ("決済 é 🔑", "決済 é 🔑"),
        ("a\nb", r"a\nb"),
        ("a\r\tb", r"a\r\tb"),
        ("\x1b[2Jcleared", r"\x1b[2Jcleared"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\u2028line", r"\u2028line"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ('"Type": "AWS::KMS::Key"', '"Type": "AWS::KMS::Key"'),
        ("AWS::error::Key", r"AWS:\x3aerror::Key"),
    ],
)
def test_what_would_not_show_as_itself_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_printable_text_is_one_line_that_shows(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), ("決済", 4), ("e\u0301", 1), ("🔑", 2), ("\uff21", 2)]
)
def test_columns_are_those_of_a_terminal(text: str, width: int) -> None:
    assert columns(text) == width
    assert pad(text, 6) == text + " " * (6 - width)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, [""]),
        ("   ", 10, [""]),
        ("one two three", 20, ["one two three"]),
        ("one two three", 7, ["one two", "three"]),
        ("one   two", 20, ["one two"]),
        ("alias/cloudtrail", 12, ["alias/", "cloudtrail"]),
        ("see alias/cloudtrail now", 12, ["see", "alias/", "cloudtrail", "now"]),
        ("abcdefghijkl", 5, ["abcde", "fghij", "kl"]),
        ("決済決済", 5, ["決済", "決済"]),
        ("決済", 1, ["決", "済"]),
    ],
)
def test_lines_break_at_spaces_then_after_separators_then_where_they_must(
    text: str, width: int, lines: list[str]
) -> None:
    assert wrap(text, width) == lines


@given(st.text(alphabet="ab/-:. 決é"), st.integers(min_value=2, max_value=30))
def test_wrapping_keeps_the_width_and_every_character(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert max(columns(line) for line in lines) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


KEY = "arn:aws:kms:eu-west-1:111111111111:key/a6c807e1-d164-55a9-a303-183bb94fac78"
TRAIL = f"arn:aws:cloudtrail:eu-west-1:111111111111:trail/{'t' * 128}"


@pytest.mark.parametrize("width", [65, 86, 106])
@pytest.mark.parametrize(
    "command",
    [
        "aws sts get-caller-identity --region eu-west-1",
        f"aws kms enable-key --region eu-west-1 --key-id {KEY}",
        f"aws kms cancel-key-deletion --key-id {KEY} && aws kms enable-key --key-id {KEY}",
        f'aws cloudtrail update-trail --region eu-west-1 --name {TRAIL} --kms-key-id ""',
    ],
)
def test_a_shell_takes_the_command_that_a_text_ends_with_as_it_is_shown(command: str, width: int) -> None:
    lines = wrap_remediation(f"The key is Disabled: {'it does nothing ' * 5}. Enable it", command, width)
    start = next(number for number, line in enumerate(lines) if line.startswith("aws "))
    pasted = "\n".join(f"              {line}" for line in lines[start:])
    assert shlex.split(pasted.replace("\\\n", "")) == shlex.split(command)
    wide = [line.removesuffix(" \\").split() for line in lines if len(line) > width]
    assert all(len(words) == 2 and words[0].startswith("--") for words in wide), "an option and its argument"
    assert " ".join(lines[:start]).endswith("Enable it:")


def test_without_a_command_a_text_wraps_as_any() -> None:
    text = "No statement names aws kms enable-key --key-id key"
    assert wrap_remediation(text, "", 20) == wrap(text, 20)


STATEMENT = {
    "Sid": "ReadCloudTrailLogs",
    "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam::111111111111:role/a, b"]},
    "Resource": ['arn:aws:s3:::logs/a, "b"/111111111111/*', "arn:aws:s3:::logs/222222222222/*"],
}


@pytest.mark.parametrize("width", [20, 65, 106])
def test_a_statement_within_a_text_is_json_as_it_is_shown(width: int) -> None:
    written = to_json(STATEMENT)
    text = f"Add to the policy of the bucket logs: {written} Add to an IAM policy of R: {written}"
    lines = wrap_remediation(text, "", width)
    starts = [number for number, line in enumerate(lines) if line.startswith('{"Sid"')]
    ends = [number for number, line in enumerate(lines) if line.endswith("]}")]
    pasted = ["\n".join(lines[start : end + 1]) for start, end in zip(starts, ends, strict=True)]
    assert [json.loads(each) for each in pasted] == [STATEMENT, STATEMENT]
    wide = [line for line in lines if len(line) > width]
    assert all(len(re.findall(r'"(?:[^"\\]|\\.)*"', line)) <= 3 for line in wide), "one member"
    assert lines[ends[0] + 1].startswith("Add to")


@pytest.mark.parametrize("begun", [' {"Sid":', ' {"Sid":"never closed', ' {"Sid":' + "[" * 100_000])
def test_what_only_begins_as_a_statement_wraps_as_any_text(begun: str) -> None:
    assert wrap_remediation(f"a{begun} b", "", 20) == wrap(f"a{begun} b", 20)


def test_the_id_of_a_key_stays_whole_where_its_arn_breaks() -> None:
    arn = "arn:aws:kms:us-east-1:111111111111:key/850b4237-bfc1-579b-8260-14f646853169"
    assert wrap(f"{arn}.", 66) == ["arn:aws:kms:us-east-1:111111111111:key/", "850b4237-bfc1-579b-8260-14f646853169."]


def test_wrapping_ends_where_there_is_no_room_at_all() -> None:
    assert wrap("word", 0) == wrap("word", -5) == [*"word"]


def test_names_give_way_to_words_where_they_are_no_part_of_a_longer_name() -> None:
    told = in_general("trail/a of 111, trail/a-b, x111 and logs-111.", {"trail/a": "TRAIL", "111": "ACCOUNT", None: ""})
    assert told == "TRAIL of ACCOUNT, trail/a-b, x111 and logs-ACCOUNT."


def test_a_line_that_hangs_breaks_at_spaces_alone() -> None:
    path = f"/srv/{'long-name/' * 5}"
    assert wrap_hanging(f"Undo      nothing of {path} can go back", 30, 10) == [
        "Undo      nothing of",
        f"          {path}",
        "          can go back",
    ]
