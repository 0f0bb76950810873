# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine as filters, called as a play calls them: by Ansible's own loader and templates."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.aws_baseline.cloudtrail.plugins.filter.cloudtrail_kms_policies import FilterModule
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import MAX_BYTES, SERVICE_ACTIONS
from tests.unit.checks import build

FILTERS: Mapping[str, Callable[..., Any]] = FilterModule().filters()
PLACE = Path(__file__).parents[3] / "plugins" / "filter"
TRAIL, READER = build.TRAIL_ARN, build.ROLE_ARN
GOOD = build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE, build.DECRYPT)
LACKING = build.policy(build.ROOT, build.DESCRIBE)
DENYING = build.policy(build.ROOT, build.ENCRYPT, {**build.ENCRYPT, "Sid": "No", "Effect": "Deny", "Condition": {}})
CLOSED = {"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "kms:GenerateDataKey*"}
NEW = "trails | aws_baseline.cloudtrail.cloudtrail_kms_key_policy"
DECIDE = "policy | aws_baseline.cloudtrail.cloudtrail_kms_decide"


def template(expression: str, **variables: Any) -> Any:
    templar = Templar(DataLoader(), {"trails": [TRAIL], "trail": TRAIL, "readers": [READER], **variables})
    return templar.template(trust_as_template(f"{{{{ {expression} }}}}"))


def refused(expression: str, **variables: Any) -> str:
    with pytest.raises(AnsibleFilterError) as error:
        template(expression, **variables)
    told = str(error.value)
    assert " failed: cloudtrail_kms_" in told, "it is not told by the filter itself"
    return told


@pytest.mark.parametrize("name", FILTERS)
def test_its_documentation_has_its_options_and_their_defaults(name: str) -> None:
    told = yaml.safe_load((PLACE / f"{name}.yml").read_text(encoding="utf-8"))["DOCUMENTATION"]
    (_input, *parameters) = inspect.signature(FILTERS[name]).parameters.values()
    assert told["positional"].split(", ") == [each.name for each in parameters]
    assert list(told["options"]) == ["_input", *(each.name for each in parameters)]
    defaults = {each.name: each.default for each in parameters if isinstance(each.default, str)}
    assert {option: of["default"] for option, of in told["options"].items() if of.get("default")} == defaults


def test_the_documentation_has_the_calls_of_cloudtrail() -> None:
    told = yaml.safe_load((PLACE / "cloudtrail_kms_decide.yml").read_text(encoding="utf-8"))["DOCUMENTATION"]
    assert told["options"]["action"]["choices"] == list(SERVICE_ACTIONS)


@pytest.mark.parametrize("statements", ["strict", "cis"])
def test_a_new_policy_serves_its_trails_and_readers(statements: str) -> None:
    made = template(f"{NEW}(readers, statements)", statements=statements)
    assert [each["Sid"] for each in made["Statement"]] == [
        "Enable IAM User Permissions",
        "AwsBaselineCloudTrailUse",
        "AwsBaselineCloudTrailDescribe",
        "AwsBaselineCloudTrailReaders",
    ]
    assert made["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{build.ACCOUNT}:root"}
    for action in SERVICE_ACTIONS:
        assert template(f"{DECIDE}(trail, action=action)", policy=made, action=action)["allowed"] is True
    answer = template(f"{DECIDE}(trail, reader)", policy=made, reader=READER)
    assert (answer["allowed"], answer["outcome"], answer["advice"]) == (True, "allowed", "")
    assert "AwsBaselineCloudTrailReaders" in answer["reason"]


@pytest.mark.parametrize("policy", [LACKING, json.loads(LACKING)])
def test_merging_keeps_what_others_wrote_and_a_second_time_changes_nothing(policy: Any) -> None:
    made = template(f"{NEW}(readers, policy=policy)", policy=policy)
    assert made["Statement"][:2] == json.loads(LACKING)["Statement"]
    assert len(made["Statement"]) > 2
    assert template(f"{NEW}(readers, policy=policy)", policy=made) == made


@pytest.mark.parametrize(
    ("policy", "arguments", "allowed", "outcome", "words"),
    [
        (GOOD, "trail", True, "allowed", '"Encrypt"'),
        (LACKING, "trail", False, "implicit deny", "kms:GenerateDataKey"),
        (DENYING, "trail", False, "explicit deny", '"No"'),
        (GOOD, "trail, readers[0]", None, "indeterminate", "IAM policies"),
        (GOOD, "trail.replace('main', 'other')", False, "implicit deny", "aws:SourceArn"),
    ],
)
def test_the_answer_has_its_reason(policy: str, arguments: str, allowed: bool | None, outcome: str, words: str) -> None:
    answer = template(f"{DECIDE}({arguments})", policy=policy)
    assert (answer["allowed"], answer["outcome"]) == (allowed, outcome)
    assert words in answer["reason"]
    assert bool(answer["advice"]) is not allowed


@pytest.mark.parametrize("call", [f"{DECIDE}(trail)", f"{NEW}(policy=policy)"])
@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (None, "the policy is None, and neither JSON text nor its content"),
        ([], "the policy is a list, and neither"),
        (7, "the policy is 7, and neither"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ({}, "has no Statement"),
        ({"Version": date(2012, 10, 17), "Statement": []}, "cannot be written as JSON: "),
        (" " * 4_000_000, "characters; AWS returns at most"),
        ("[" * 100_000, "The policy"),
    ],
)
def test_what_is_no_policy_is_told_by_name(call: str, policy: Any, words: str) -> None:
    told = refused(call, policy=policy)
    assert words in told
    assert "cloudtrail_kms_" in told


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("'x' | aws_baseline.cloudtrail.cloudtrail_kms_key_policy", "trails is 'x', and no list"),
        ("[] | aws_baseline.cloudtrail.cloudtrail_kms_key_policy", "trails is empty"),
        (
            "['main'] | aws_baseline.cloudtrail.cloudtrail_kms_key_policy",
            "trails has 'main', which is not the ARN of a",
        ),
        (f"{NEW}(['111111111111'])", "readers has '111111111111', which is not the ARN of an IAM role"),
        (f"{NEW}(statements='loose')", "statements is 'loose', and not strict or cis"),
        (f"{NEW}(key_arn='alias/x')", "key_arn has 'alias/x', which is not the ARN of a key"),
        (f"{DECIDE}({{}})", "trail has a dictionary, which is not the ARN of a trail"),
        (f"{DECIDE}('main')", "trail has 'main', which is not the ARN of a trail"),
        (f"{DECIDE}(trail, 'Analyst')", "reader has 'Analyst', which is not the ARN of an IAM role"),
        (f"{DECIDE}(trail, action='kms:Encrypt')", "action must be one of kms:GenerateDataKey, "),
    ],
)
def test_arguments_that_cannot_be_meant_are_told_by_name(expression: str, words: str) -> None:
    assert words in refused(expression, policy=GOOD)


@pytest.mark.parametrize("named", [build.KEY_ARN, "arn:aws:kms:us-east-1:111111111111:key/1*"])
@pytest.mark.parametrize("call", [f"{NEW}(policy=policy", f"{DECIDE}(trail"])
def test_a_policy_that_names_its_key_wants_the_key(call: str, named: str) -> None:
    """A Deny of the key by its ARN is no Deny of a key that nobody has named."""
    denying = build.policy(build.ROOT, build.ENCRYPT, build.DESCRIBE, {**CLOSED, "Resource": named})
    assert 'statement "Closed" names keys in its Resource: give key_arn' in refused(f"{call})", policy=denying)
    if call.startswith("policy"):
        told = template(f"{call}, key_arn=key)", policy=denying, key=build.KEY_ARN)
        assert told["outcome"] == "explicit deny"


@pytest.mark.parametrize("number", ["1E400", "10000000000000000000000.123", "1" * 5_000])
def test_a_number_that_python_does_not_keep_is_refused(number: str) -> None:
    """Statements of others keep their text, which Ansible takes apart and writes anew."""
    other = build.policy(build.ROOT, {**build.ENCRYPT, "Condition": {"NumericLessThan": {"kms:Depth": 4321}}})
    told = refused(f"{NEW}(policy=policy)", policy=other.replace("4321", number))
    assert "number" in told
    assert "4321" in str(template(f"{NEW}(policy=policy)", policy=other))


def test_a_merge_that_is_denied_is_refused_with_the_statement() -> None:
    told = refused(f"{NEW}(policy=policy)", policy=DENYING)
    assert 'statement "No"' in told.replace("Statement", "statement")
    assert "The policy of the key is left as it is" in told
    told = refused(f"{NEW}(policy=policy, key_arn=key)", policy=DENYING, key=build.KEY_ARN)
    assert f"The policy of {build.KEY_ARN} is left as it is" in told


def test_a_policy_that_would_be_too_large_is_refused() -> None:
    trails = [f"arn:aws:cloudtrail:us-east-1:{build.ACCOUNT}:trail/{number:0100}" for number in range(300)]
    assert f"KMS accepts {MAX_BYTES}" in refused(NEW, trails=trails)


def test_a_policy_that_would_be_longer_than_any_that_is_read_is_refused() -> None:
    trails = [f"arn:aws:cloudtrail:us-east-1:{build.ACCOUNT}:trail/{number:0100}" for number in range(1000)]
    assert "characters; AWS returns at most" in refused(NEW, trails=trails)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({**json.loads(GOOD), "Version": "2026-01-01"}, "The Version must be one of"),
        ({**json.loads(GOOD), "Statement": [7, *json.loads(GOOD)["Statement"]]}, "statement 1: "),
        ({**json.loads(GOOD), "Id": "x" * MAX_BYTES}, f"KMS accepts {MAX_BYTES}"),
    ],
)
def test_a_policy_that_kms_would_not_take_is_refused_though_it_lacks_nothing(policy: Any, words: str) -> None:
    assert words in refused(f"{NEW}(policy=policy)", policy=policy)


@pytest.mark.parametrize("call", [f"{NEW}(readers)", f"{NEW}(key_arn=key)", f"{DECIDE}(trail, readers[0])"])
def test_nothing_of_two_partitions_is_in_one_policy(call: str) -> None:
    reader, key = (each.replace("arn:aws:", "arn:aws-cn:") for each in (READER, build.KEY_ARN))
    told = refused(call, readers=[reader], key=key, policy=GOOD)
    assert "in another partition than" in told
    assert "to-be-created" not in told


def test_nothing_in_a_policy_commands_a_terminal() -> None:
    policy = build.policy({**build.ENCRYPT, "Sid": "\x1b[0m", "Effect": "Deny"})
    assert "\x1b" not in template(f"{DECIDE}(trail)", policy=policy)["reason"]
