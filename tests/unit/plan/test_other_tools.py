# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What another tool owns is left to it, with what to add there in its own form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import PLACEHOLDER, Change, Form
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._fragments import fragment
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._key_plan import Plan
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._other_tools import left_to_owners
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import policy_meaning
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import (
    CREATED_FOR_TAG,
    EnforceRequest,
)
from tests.other_tools import blocks_of_terraform, policy_of_terraform, problems_of_cloudformation
from tests.unit.checks import build

GOLDEN = Path(__file__).parent / "fragments"
FORMS: dict[Form, str] = {"json": "json", "hcl": "tf", "cloudformation": "template.json"}
HOME, NEW_KEY = "us-east-1", f"arn:aws:kms:us-east-1:{build.ACCOUNT}:{PLACEHOLDER}"
STACK = {"aws:cloudformation:stack-name": "audit"}
TLS = {
    "Sid": "DenyWithoutTls",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def change(operation: Any, resource: str, before: Any, **after: Any) -> Change:
    return Change(operation, resource, HOME, before, after)


GRANT = change(
    "PutKeyPolicy",
    build.KEY_ARN,
    {"policy": build.policy(build.ROOT, build.DESCRIBE)},
    policy=build.policy(build.ROOT, build.DESCRIBE, build.ENCRYPT, build.reader(build.ROLE_ARN)),
)
MOVE = change("UpdateTrail", build.TRAIL_ARN, {"kms_key_arn": None}, kms_key_arn=build.KEY_ARN)
CREATE = change("CreateKey", NEW_KEY, None, description="Logs", multi_region=False, tags={}, policy=build.KEY.policy)
MOVE_TO_NEW = change("UpdateTrail", build.TRAIL_ARN, {"kms_key_arn": None}, kms_key_arn=NEW_KEY)
CASES = {
    "key-policy": [GRANT],
    "key-state": [
        change("EnableKey", build.KEY_ARN, {"state": "Disabled"}, state="Enabled"),
        change(
            "EnableKeyRotation",
            build.KEY_ARN,
            {"rotation_enabled": False},
            rotation_enabled=True,
            rotation_period_in_days=180,
        ),
    ],
    "trail": [MOVE, change("StartLogging", build.TRAIL_ARN, {"is_logging": False}, is_logging=True)],
    "trail-with-new-key": [CREATE, MOVE_TO_NEW],
    "bucket-policy": [
        change(
            "PutBucketPolicy",
            "arn:aws:s3:::logs",
            {"policy": build.policy(build.ACL)},
            policy=build.policy(build.ACL, TLS),
        )
    ],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_what_to_add_reads_as_the_golden_file(case: str, form: Form) -> None:
    golden = GOLDEN / f"{case}.{FORMS[form]}"
    assert fragment(form, CASES[case]) == golden.read_text(encoding="utf-8").rstrip("\n")


def statements(policy: object) -> Any:
    return policy_meaning(json.dumps(policy))


@pytest.mark.parametrize(
    ("case", "kind", "label", "name", "element"),
    [
        ("key-policy", "aws_iam_policy_document", "key", "Key", "KeyPolicy"),
        ("trail-with-new-key", "aws_iam_policy_document", "new_key", "NewKey", "KeyPolicy"),
        ("bucket-policy", "aws_iam_policy_document", "bucket", "BucketPolicy", "PolicyDocument"),
    ],
)
def test_all_forms_say_the_same(case: str, kind: str, label: str, name: str, element: str) -> None:
    template = json.loads(fragment("cloudformation", CASES[case]))["Resources"][name]["Properties"]
    block = blocks_of_terraform(fragment("hcl", CASES[case]))[kind, label]
    assert statements(policy_of_terraform(block)) == statements(template[element])
    assert json.loads(fragment("json", CASES[case]))[name] == template


def test_only_what_is_missing_is_added() -> None:
    added = json.loads(fragment("json", [GRANT]))["Key"]["KeyPolicy"]["Statement"]
    assert [each["Sid"] for each in added] == ["Encrypt", "Readers"]


def test_a_trail_gets_the_new_key_by_reference() -> None:
    blocks = blocks_of_terraform(fragment("hcl", [CREATE, MOVE_TO_NEW]))
    assert blocks["aws_cloudtrail", "trail"] == {"kms_key_id": "${aws_kms_key.new_key.arn}"}
    key = {"policy": "${data.aws_iam_policy_document.new_key.json}", "description": "Logs", "multi_region": False}
    assert blocks["aws_kms_key", "new_key"] == key
    template = json.loads(fragment("cloudformation", [CREATE, MOVE_TO_NEW]))
    assert template["Resources"]["Trail"]["Properties"] == {"KMSKeyId": {"Fn::GetAtt": ["NewKey", "Arn"]}}


@pytest.mark.parametrize("case", CASES)
def test_cloudformation_takes_the_fragment_beside_what_its_trail_has(case: str) -> None:
    template = json.loads(fragment("cloudformation", CASES[case]))
    if "Trail" in template["Resources"]:
        has = {"IsLogging": True, "S3BucketName": "logs"}
        template["Resources"]["Trail"]["Properties"] = {**has, **template["Resources"]["Trail"]["Properties"]}
    assert [each for each in problems_of_cloudformation(json.dumps(template)) if each[0] == "E"] == []


# python-hcl2 reads no escaped template that stays open, which Terraform does.
WORDS = st.text(st.characters(exclude_characters="{", exclude_categories=["Cs"]))


@given(WORDS, st.sampled_from(["${x}", "%{x}", '"', "\\", "\n", "\b\f\t", "\\b\\f"]), WORDS)
def test_any_string_survives_hcl(before: str, odd: str, after: str) -> None:
    sid = before + odd + after
    changed = change("PutKeyPolicy", build.KEY_ARN, None, policy=build.policy({**build.ENCRYPT, "Sid": sid}))
    block = blocks_of_terraform(fragment("hcl", [changed]))["aws_iam_policy_document", "key"]
    assert block["statement"][0]["sid"] == sid


def plan(*changes: Change) -> Plan:
    return Plan(changes, (), (), build.snapshot())


@pytest.mark.parametrize(
    ("tags", "tool", "form"),
    [
        (STACK, "CloudFormation (or CDK)", "cloudformation"),
        ({"AWS:CloudFormation:logical-id": "Key"}, "CloudFormation (or CDK)", "cloudformation"),
        ({"managed-by": "CloudFormation"}, "CloudFormation (or CDK)", "cloudformation"),
        ({"aws-cdk:auto-delete-objects": "true"}, "CDK", "json"),
        ({"aws:cdk:path": "x"}, "CDK", "json"),
        ({"Terraform": "true"}, "Terraform", "hcl"),
        ({"ManagedBy": "terraform"}, "Terraform", "hcl"),
        ({"aws-control-tower": "managed-by-control-tower"}, "Control Tower", "json"),
    ],
)
def test_what_a_tool_owns_is_refused_with_its_own_form(tags: dict[str, str], tool: str, form: Form) -> None:
    left = left_to_owners(plan(GRANT, MOVE), {build.KEY_ARN: tags}, EnforceRequest())
    (refusal,) = left.refusals
    assert str(refusal) == (
        f"The key {build.KEY_ARN} carries the tags of {tool}, which may revert the change. Make the change in its "
        "code: what to add there is listed with the change. Or set change_managed: true."
    )
    assert (refusal.key, refusal.trails, left.warnings) == (build.KEY_ARN, (), ())
    (to_add,) = refusal.to_add
    assert (to_add.tool, to_add.form, to_add.text) == (tool, form, fragment(form, [GRANT]))
    assert [each.to_add for each in left.changes] == [refusal.to_add, ()]


@pytest.mark.parametrize("tags", [{}, {"team": "audit"}, {"cdk": "1"}, {"owner": "control tower"}])
def test_other_tags_are_nobody_s(tags: dict[str, str]) -> None:
    assert left_to_owners(plan(GRANT), {build.KEY_ARN: tags}, EnforceRequest()) == plan(GRANT)


def test_a_trail_is_refused_by_its_name_with_the_key_that_it_would_have_got() -> None:
    left = left_to_owners(plan(CREATE, MOVE_TO_NEW), {build.TRAIL_ARN: STACK}, EnforceRequest())
    (refusal,) = left.refusals
    assert str(refusal).startswith(f"The trail {build.TRAIL_ARN}: it carries the tags of CloudFormation (or CDK), ")
    assert list(json.loads(refusal.to_add[0].text)["Resources"]) == ["NewKey", "Trail"]


@pytest.mark.parametrize(("tags", "allowed"), [(STACK, True), ({**STACK, CREATED_FOR_TAG: "alias/logs"}, False)])
def test_what_is_allowed_or_our_own_is_warned_of(tags: dict[str, str], allowed: bool) -> None:
    left = left_to_owners(plan(GRANT), {build.KEY_ARN: tags}, EnforceRequest(change_managed=allowed))
    (warning,) = map(str, left.warnings)
    assert warning == (
        f"{build.KEY_ARN} carries the tags of CloudFormation (or CDK), which may revert the change: make the change "
        "there too."
    )
    assert (left.refusals, left.changes[0].to_add[0].form) == ((), "cloudformation")


def test_tags_that_cannot_be_read_are_warned_of() -> None:
    denied = build.denied("kms", "ListResourceTags", "kms:ListResourceTags")
    left = left_to_owners(plan(GRANT), {build.KEY_ARN: denied}, EnforceRequest())
    (warning,) = map(str, left.warnings)
    assert warning.startswith(f"It is unknown whether another tool owns {build.KEY_ARN}, and would revert the change:")
    assert "kms:ListResourceTags" in warning
    assert left.refusals == ()


def test_the_code_of_an_applied_change_names_the_key_that_was_created() -> None:
    left = left_to_owners(plan(MOVE_TO_NEW), {build.TRAIL_ARN: {"Terraform": "1"}}, EnforceRequest(change_managed=True))
    (moved,) = (each.with_arns({NEW_KEY: build.KEY_ARN}) for each in left.changes)
    assert f'kms_key_id = "{build.KEY_ARN}"' in moved.to_add[0].text
