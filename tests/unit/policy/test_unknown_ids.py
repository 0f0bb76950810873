# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resources with ids that nobody knows: a policy covers them where it covers all that they may be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._conditions import Condition
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide, is_open_alike
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import Names, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import (
    ANY_MEMBER,
    ANY_ORGANIZATION,
    Locations,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._patterns import (
    ANY_DIGIT,
    ANY_LETTER_OR_DIGIT,
    ANY_OF_TIME,
    ANY_OF_UNIQUE,
    Context,
    has_unknown,
    readable,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import upload_request
from tests.unit.policy.asking import ask, when
from tests.unit.policy.golden_tables import EVERYTHING, KEY, OWNER, TRAIL

SERVICE = "cloudtrail.amazonaws.com"
BUCKET = "arn:aws:s3:::logs"
ALLOW = {**EVERYTHING, "Sid": "A", "Action": "s3:PutObject", "Resource": f"{BUCKET}/AWSLogs/o-abcdefghij/{OWNER}/*"}


def _without_resource(**elements: str) -> dict[str, Any]:
    return {name: value for name, value in ALLOW.items() if name != "Resource"} | elements


OF_ANY_ACCOUNT = (
    f"{BUCKET}/AWSLogs/ORGANIZATION_ID/ACCOUNT_ID/CloudTrail/us-east-1/YYYY/MM/DD/"
    "ACCOUNT_ID_CloudTrail_us-east-1_YYYYMMDDTHHmmZ_UniqueString.json.gz"
)


@pytest.mark.parametrize(
    ("statement", "reason", "advice"),
    [
        (
            ALLOW,
            f'Whether statement "A" allows s3:PutObject to {SERVICE} depends on which ids are in '
            f"{OF_ANY_ACCOUNT}, and that is not known.",
            'In statement "A", replace the ids in its Resource by *.',
        ),
        (
            ALLOW | {"Resource": f"{BUCKET}/AWSLogs/o-abcdefghij/${{aws:SourceAccount}}/*"},
            f'Whether statement "A" allows s3:PutObject to {SERVICE} depends on which ids are in '
            f"{OF_ANY_ACCOUNT}, and that is not known.",
            'In statement "A", replace the ids in its Resource by *.',
        ),
        (
            _without_resource(NotResource=f"{BUCKET}/AWSLogs/o-abcdefghij/*"),
            f'Whether statement "A" allows s3:PutObject to {SERVICE} depends on which ids are in '
            f"{OF_ANY_ACCOUNT}, and that is not known.",
            'In statement "A", remove the ids from its NotResource.',
        ),
        (
            ALLOW | {"NotPrincipal": "*"},
            f'Whether statement "A" allows s3:PutObject to {SERVICE} is unknown: it has an element together with '
            "its negation.",
            'Write every name in statement "A" once, and as AWS documents it.',
        ),
        (
            ALLOW | {"Resource": f"{BUCKET}/AWSLogs/{OWNER}/*"},
            f'No statement allows s3:PutObject to {SERVICE}. The closest is statement "A": its Resource does not '
            f'cover {OF_ANY_ACCOUNT}, but "{BUCKET}/AWSLogs/{OWNER}/*".',
            f'In statement "A", add {OF_ANY_ACCOUNT.partition("/YYYY")[0]}/* to its Resource.',
        ),
    ],
)
def test_ids_that_nobody_knows_are_told_in_words(statement: dict[str, Any], reason: str, advice: str) -> None:
    place = Locations(
        trail_arn=TRAIL,
        bucket_name="logs",
        bucket_prefix=None,
        regions=("us-east-1",),
        organization_id=ANY_ORGANIZATION[0],
    )
    _own, of_member = place.logs()
    request = upload_request(place, KEY).at(of_member.file)
    decision = decide(parse({"Version": "2012-10-17", "Statement": [statement]}), request)
    assert (decision.reason, decision.advice) == (reason, advice)
    denied = [EVERYTHING, {**statement, "Effect": "Deny"}]
    advice = decide(parse({"Version": "2012-10-17", "Statement": denied}), request).advice
    is_aimed = advice.startswith(f'Statement "A" targets {SERVICE}')
    assert (is_aimed or '{"aws:PrincipalIsAWSService": "false"}' in advice) is ("depends on which ids" in reason)


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("AWSLogs/o-abcdefghij/*", "ids"),
        ("AWSLogs/*/2026/*", "dates, times and unique strings"),
    ],
)
def test_a_condition_on_a_file_says_which_of_its_parts_are_not_known(pattern: str, parts: str) -> None:
    own, of_member = Locations(
        trail_arn=TRAIL,
        bucket_name="logs",
        bucket_prefix=None,
        regions=("us-east-1",),
        organization_id=ANY_ORGANIZATION[0],
    ).logs()
    for file in (own.file, of_member.file):
        reason, _advice, _labels = ask([when(EVERYTHING, StringLike={"k": f"{BUCKET}/{pattern}"})], context={"k": file})
        assert reason.endswith(f'and it is not known which {parts} are in "{readable(file)}".')


def test_they_are_as_long_as_aws_makes_them() -> None:
    assert readable(f"{ANY_ORGANIZATION[0]}/{ANY_MEMBER}/o-abcdefghij/{OWNER}") == (
        f"ORGANIZATION_ID/ACCOUNT_ID/o-abcdefghij/{OWNER}"
    )
    assert [len(each) for each in ANY_ORGANIZATION] == [*range(12, 35)]
    assert len(ANY_MEMBER) == 12
    assert [has_unknown(each) for each in (ANY_MEMBER, ANY_ORGANIZATION[0], OWNER)] == [True, True, False]


def covers(pattern: str, name: str, *, negated: bool = False) -> bool | None:
    """Whether a Resource, or NotResource, covers an object of the bucket."""
    names = Names([f"{BUCKET}/{pattern}"], negated=negated, actions=False, variables=True)
    return names.cover(f"{BUCKET}/{name}", Context({"aws:SourceAccount": OWNER}, []))


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", ANY_DIGIT, True),
        ("?", ANY_DIGIT, True),
        ("??", ANY_DIGIT, False),
        ("0", ANY_DIGIT, None),
        ("a", ANY_DIGIT, False),
        ("0", ANY_LETTER_OR_DIGIT, None),
        ("a", ANY_LETTER_OR_DIGIT, None),
        ("A", ANY_LETTER_OR_DIGIT, False),
        ("0", ANY_OF_TIME, None),
        ("a", ANY_OF_TIME, False),
        ("a", ANY_OF_UNIQUE, None),
        ("A", ANY_OF_UNIQUE, None),
        ("-", ANY_OF_UNIQUE, False),
        ("/", ANY_LETTER_OR_DIGIT, False),
        ("a*", ANY_LETTER_OR_DIGIT, None),
        ("*.*", ANY_LETTER_OR_DIGIT, False),
        ("x*9/a", f"x{ANY_DIGIT}{ANY_DIGIT}/a", None),
        ("x*9/b", f"x{ANY_DIGIT}{ANY_DIGIT}/a", False),
        ("?0", f"\n{ANY_DIGIT}", None),
        ("${aws:SourceAccount}", ANY_DIGIT * 12, None),
        ("${aws:SourceAccount}", ANY_DIGIT * 11, False),
        ("${aws:SourceAccount}/*", f"{OWNER}/a", True),
        ("${aws:PrincipalTag/a}", ANY_DIGIT, False),
        (f"{ANY_DIGIT}*", ANY_DIGIT, None),
        (f"{ANY_DIGIT}*", "a", None),
    ],
)
def test_what_covers_some_of_them_may_cover_this_one(pattern: str, name: str, *, expected: bool | None) -> None:
    assert covers(pattern, name) is expected
    assert covers(pattern, name, negated=True) is (None if expected is None else not expected)


def test_a_variable_that_nobody_can_fill_hides_none_that_somebody_can() -> None:
    texts = [f"{BUCKET}/${{aws:userid}}", f"{BUCKET}/${{aws:SourceAccount}}"]
    names = Names(texts, negated=False, actions=False, variables=True)
    context = Context({"aws:SourceAccount": OWNER}, ["aws:userid"])
    assert [names.cover(f"{BUCKET}/{each}", context) for each in (OWNER, "another")] == [True, None]


@given(
    pattern=st.text("a0/*?", max_size=8),
    name=st.text(["a", "0", "/", ANY_DIGIT, ANY_LETTER_OR_DIGIT], max_size=6),
    letters=st.lists(st.sampled_from("ab0"), min_size=6, max_size=6),
    digits=st.lists(st.sampled_from("01"), min_size=6, max_size=6),
)
def test_what_is_said_of_them_holds_for_each(pattern: str, name: str, letters: list[str], digits: list[str]) -> None:
    filled = "".join(
        letters[place] if each == ANY_LETTER_OR_DIGIT else digits[place] if each == ANY_DIGIT else each
        for place, each in enumerate(name)
    )
    assert covers(pattern, name) in (None, covers(pattern, filled))


@given(
    operator=st.sampled_from(["StringLike", "StringNotLike", "StringEquals", "StringEqualsIgnoreCase", "ArnLike"]),
    patterns=st.lists(st.text("aA0*?", max_size=4) | st.sampled_from(["${aws:username}", "*${aws:username}"])),
    name=st.text(["a", "A", "0", ANY_OF_TIME, ANY_OF_UNIQUE], max_size=4),
    digits=st.lists(st.sampled_from("01"), min_size=4, max_size=4),
    letters=st.lists(st.sampled_from("aAb0"), min_size=4, max_size=4),
)
def test_what_a_condition_says_of_them_holds_for_each(
    operator: str, patterns: list[str], name: str, digits: list[str], letters: list[str]
) -> None:
    prefix = "arn:aws:s3:::"
    filled = "".join(
        letters[place] if each == ANY_OF_UNIQUE else digits[place] if each == ANY_OF_TIME else each
        for place, each in enumerate(name)
    )
    condition = Condition(operator, "k", tuple(prefix + each for each in patterns), variables=True)
    said, of_one = (condition.holds(Context({"k": prefix + each, "aws:username": "a0"}, ())) for each in (name, filled))
    assert said in (None, of_one)


def test_a_variable_that_is_filled_tells_them_apart() -> None:
    condition = Condition("StringLike", "k", ("${aws:username}/*", "x"), variables=True)
    found = [
        condition.holds(Context({"k": value, "aws:username": "a0"}, ()))
        for value in (f"a0/{ANY_OF_TIME}", f"a{ANY_OF_TIME}/", f"b{ANY_OF_TIME}/")
    ]
    assert found == [True, None, False]


@pytest.mark.parametrize(
    ("operator", "value", "name", "expected"),
    [
        ("StringEquals", "a*", f"ab{ANY_OF_UNIQUE}", False),
        ("StringLike", "a*", f"ab{ANY_OF_UNIQUE}", True),
        ("StringEqualsIgnoreCase", "${aws:username}/AB", f"A0/a{ANY_OF_UNIQUE}", None),
    ],
)
def test_only_a_wildcard_of_the_policy_is_one(operator: str, value: str, name: str, expected: bool | None) -> None:
    """Where the operator takes it as one; the case of letters counts where it says so."""
    condition = Condition(operator, "k", (value,), variables=True)
    assert condition.holds(Context({"k": name, "aws:username": "a0"}, ())) is expected


@pytest.mark.parametrize(
    ("resource", "condition", "is_alike"),
    [
        (f"{BUCKET}/*", {"StringEquals": {"aws:userid": "x"}}, True),
        (f"{BUCKET}/AWSLogs/${{aws:SourceAccount}}/*", {"StringEquals": {"aws:userid": "x"}}, True),
        # The next file may have another name.
        (f"{BUCKET}/AWSLogs/*/2026/*", {}, False),
        (f"{BUCKET}/AWSLogs/*/2026/*", {"StringEquals": {"aws:userid": "x"}}, False),
    ],
)
def test_one_upload_tells_of_all_where_no_name_decides(
    resource: str, condition: dict[str, Any], is_alike: bool
) -> None:
    place = Locations(trail_arn=TRAIL, bucket_name="logs", bucket_prefix=None, regions=("us-east-1",))
    (folder,) = place.logs()
    request = upload_request(place, KEY).at(folder.file)
    statement = {**ALLOW, "Resource": resource, "Condition": condition}
    policy = parse({"Version": "2012-10-17", "Statement": [statement]})
    decision = decide(policy, request)
    assert decision.outcome is Outcome.INDETERMINATE
    assert is_open_alike(policy, decision, request) is is_alike
