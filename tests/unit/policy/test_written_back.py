# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What others wrote goes back as they wrote it, and what AWS took from them once is taken again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._bucket_policy import merge_bucket_policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import PolicyError, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    merge,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import validate
from tests.unit.checks import build
from tests.unit.policy.merging import DESCRIBE, ROOT, USE, document, required
from tests.unit.policy.strategies import documents, wanted

LONG = "12345678901234567890.5"
FOREIGN = [
    '{"Sid":"N","Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*",'
    f'"Condition":{{"NumericLessThan":{{"aws:MultiFactorAuthAge":{LONG},"k":[1E400,-0,1.0]}}}}}}',
    '{"Sid":"caf\\u00e9 \\u4e2d\\u6587 \\ud83d\\ude00 \\/ \\"","Effect":"Allow","Principal":{"AWS":"111122223333"},'
    '"Action":"kms:*","Resource":"*"}',
    '{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/a*"},"Action":"kms:List*","Resource":"*",'
    '"Condition":{"stringequals":{"a":"b"}}}',
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=["numbers", "escapes", "what we would not write"])
@pytest.mark.parametrize("laid_out", [False, True], ids=["compact", "laid out"])
@pytest.mark.parametrize("version", ['"Version":"2012-10-17",', '"Version" : "2008-10-17" , ', ""])
def test_a_foreign_statement_goes_back_as_it_was_written(foreign: str, laid_out: bool, version: str) -> None:
    own = foreign.replace('","', '" ,\n  "').replace(":{", " : { ") if laid_out else foreign
    merged = merge(parse(f'{{{version}"Id":"\\u4e2d", "Statement":[{json.dumps(ROOT)}, {own} ]}}'), required())
    sent = merged.to_json()
    compact = version.replace(" ", "")
    assert sent.startswith(
        f'{{{compact}"Id":"\\u4e2d","Statement":[{json.dumps(ROOT, separators=(",", ":"))},{foreign},'
    )
    assert merged.document["Statement"][2:] == [USE, DESCRIBE]
    assert merge(merged, required()) is merged


def test_a_single_statement_keeps_its_text_as_well() -> None:
    merged = merge(parse(f'{{"Statement": {FOREIGN[1]}}}'), required())
    assert merged.to_json().startswith(f'{{"Statement":[{FOREIGN[1]},{{"Sid":"AwsBaselineCloudTrailUse"')


def test_a_bucket_s_policy_keeps_its_text_as_well() -> None:
    delivery = build.delivery("us-east-1")
    foreign = FOREIGN[0].replace("kms:Encrypt", "s3:DeleteObject")
    merged = merge_bucket_policy(f'{{"Version":"2012-10-17","Statement":[{foreign}]}}', delivery, tls_only=True)
    assert merged is not None
    assert foreign in merged.to_json()


@given(documents(), wanted())
def test_foreign_statements_are_sent_byte_for_byte(policy: dict[str, Any], requested: Required) -> None:
    """In their places, as compact as GetKeyPolicy could give them out."""
    before = parse(json.dumps(policy, indent=2))
    try:
        after = merge(before, requested)
    except MergeRefusedError:
        assume(False)
    assert after.written_statements()[: len(before.statements)] == before.written_statements()
    assert before.written_statements() == [json.dumps(each, separators=(",", ":")) for each in policy["Statement"]]


def test_what_we_write_is_held_to_all_that_kms_asks() -> None:
    odd = {**ROOT, "Sid": "\u4e2d", "Condition": {"stringequals": {"a": "b"}}}
    assert [problem.partition(": ")[2] for problem in validate(document(odd))] == [
        "the condition operator stringequals is spelt StringEquals.",
        "it holds the character '\u4e2d'; KMS accepts only Latin-1.",
    ]
    assert validate(document(odd), accepted=parse(document(odd))) == []
    assert validate(document(odd), accepted=parse(document(ROOT))) != []


def test_half_a_character_is_taken_only_where_kms_has_it() -> None:
    one, other = (document({**ROOT, "Sid": half}) for half in ("\ud800", "\udfff"))
    said = "The policy has \\ud800, half a character; KMS accepts only Latin-1."
    assert validate(one) == [said]
    assert validate(one, accepted=parse(one)) == []
    assert said in validate(one, accepted=parse(other))


def test_a_version_is_taken_only_where_kms_has_it() -> None:
    odd = document(ROOT, Version="2013-10-17")
    assert validate(odd) == ["The Version must be one of 2012-10-17 and 2008-10-17."]
    assert validate(odd, accepted=parse(odd)) == []


def test_statements_keep_their_text_wherever_they_stand_among_the_elements() -> None:
    """Also if the element after them could be one."""
    merged = merge(parse(f'{{"Statement":[{FOREIGN[1]}],"Id":"mine","Version":"2012-10-17"}}'), required())
    assert merged.to_json().startswith(f'{{"Statement":[{FOREIGN[1]},{{"Sid":"AwsBaselineCloudTrailUse"')
    assert merged.to_json().endswith('],"Id":"mine","Version":"2012-10-17"}')


def test_a_deleted_principal_is_never_taken_again() -> None:
    gone = document({**ROOT, "Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}})
    assert "is the unique id of a deleted user or role" in str(validate(gone, accepted=parse(gone)))


def test_what_is_nested_deeper_than_any_policy_is_none() -> None:
    """Following it could end in a traceback, in the middle of an audit."""
    for depth in (60, 900, 3000, 30_000):
        nested = "[" * depth + "]" * depth
        with pytest.raises(PolicyError):
            parse(f'{{"Statement":[{{"Effect":"Allow","Condition":{nested}}}]}}')


def test_a_number_of_any_length_is_read() -> None:
    """Python refuses to read integers of more than 4,300 digits."""
    digits = "1" * 5000
    number = f'{{"Statement":[{{"Effect":"Allow","Condition":{{"NumericEquals":{{"k":{digits}}}}}}}]}}'
    assert parse(number).statements[0].conditions[0].values == (digits,)
