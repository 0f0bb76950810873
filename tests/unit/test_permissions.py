# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shipped IAM policies are enough, and nothing in them is idle: each action is missed by its name."""

from __future__ import annotations

import json
import subprocess
from ast import literal_eval
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import folders_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import _pace
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import PROVISIONING_ACTIONS
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, TrailRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Outcome, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role, Scope
from tests.fakeaws.client import FakeAws
from tests.unit.enforce.lab import Clock, Lab, comparable, no_waiting
from tools.permissions import FOLDER, GRANTS_OF_PROOF, ROLES, actions, files, policy

SCENARIOS = Path(__file__).parents[1] / "fakeaws" / "scenarios"
EXTERNAL_ID = "audit-2026"
ROLE_NAMES = {purpose: f"CloudTrailKms{purpose.capitalize()}" for purpose in ROLES}
ACCOUNT = "111111111111"
REVIVING = EnforceRequest(allow_enable_key=True, allow_cancel_deletion=True)
# AWS refuses it to members and to those who lack it alike: an audit takes the account for a member, which writes less.
OF_ADMINISTRATORS = "organizations:ListDelegatedServicesForAccount"
ADMINISTRATOR = "555555555555"
# Asked for organization trails only.
OF_ORGANIZATION_TRAILS = "organizations:DescribeOrganization"

# The enforcements that need all actions between them.
ENFORCEMENTS: Mapping[str, Task] = {
    "fresh": Task(),
    "policy-lacking": Task(),
    "pending-deletion": Task(request=REVIVING),
    "wrong-region": Task(),
}
# Where an action is missed: the scenario, and the account that is audited or enforced.
MISSED_IN: Mapping[str, str] = {
    "kms:PutKeyPolicy": "policy-lacking",
    "kms:EnableKey": "pending-deletion",
    "kms:CancelKeyDeletion": "pending-deletion",
    **dict.fromkeys(
        ("kms:CreateKey", "kms:TagResource", "kms:CreateAlias", "kms:EnableKeyRotation", "kms:ListKeys"), "fresh"
    ),
    **dict.fromkeys(("cloudtrail:ListTags", "cloudtrail:UpdateTrail"), "fresh"),
}
PROVISIONING = Task(
    request=EnforceRequest(create_trail=TrailRequest("main", "logs-111111111111", "eu-central-1", tags={"team": "a"}))
)
# AWS asks for these behind UpdateTrail and CreateKey, of organization trails and multi-Region keys; the fake does not.
BEHIND_OTHER_CALLS = {
    "organizations:ListAWSServiceAccessForOrganization",
    "iam:GetRole",
    "iam:CreateServiceLinkedRole",
}
# Whether principals exist is asked where it may be; a run without it is told by KMS, and a bit later.
NOT_MISSED = {"iam:GetUser"}


@dataclass(frozen=True)
class Limited:
    """A fake AWS whose accounts have the role that the template makes, with a policy that may lack something."""

    lab: Lab
    folder: Path

    def load(self, scenario: str, document: Mapping[str, Any], account: str = "111111111111") -> Scope:
        """Load a scenario with the role; returns the scope of a run under it."""
        spec = yaml.safe_load((SCENARIOS / f"{scenario}.yml").read_text(encoding="utf-8"))
        names = [row["name"] for row in spec.get("accounts", []) if row["id"] == account]
        role = {"external_id": EXTERNAL_ID, "policy": document, **({"accounts": names} if names else {})}
        spec["roles"] = {**spec.get("roles", {}), "Limited": role}
        path = self.folder / f"{scenario}.yml"
        path.write_text(yaml.safe_dump(spec), encoding="utf-8")
        self.lab.aws.reset(str(path))
        return Scope(role=Role(f"arn:aws:iam::{account}:role/Limited", EXTERNAL_ID))

    def told(self, task: Task) -> str:
        """All that an enforcement, or in check mode an audit, has to say."""
        try:
            outcome = self.lab.enforce(task)
        except AwsError as error:
            return str(error)
        return json.dumps([facts([outcome.before]), outcome.errors, outcome.refusals, outcome.warnings], default=str)


@pytest.fixture
def limited(server: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Limited:
    clock = Clock()
    no_waiting(monkeypatch, clock)
    monkeypatch.setitem(_pace.RATES, "LookupEvents", 10_000)
    server.reset("healthy")
    return Limited(Lab(server, clock), tmp_path)


def judged(outcome: Outcome) -> dict[str, Any]:
    """The audit before an enforcement, less who audited and the times in it."""
    audit = facts([outcome.before])
    del audit["accounts"][0]["audited_by"]
    for trail in audit["accounts"][0]["trails"]:
        for finding in trail["findings"]:
            finding["evidence"].pop("latest_delivery_time", None)
    return {**audit, "generated_at": None}


def test_files_are_as_they_are_generated() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == files()


def test_template_is_one_that_cloudformation_takes() -> None:
    subprocess.run(["cfn-lint", str(FOLDER / "member-roles.yml")], check=True)


def test_audit_policy_grants_no_write() -> None:
    verbs = {action.partition(":")[2] for action in actions("audit")}
    assert all(verb.startswith(("Describe", "Get", "List")) for verb in verbs)


@pytest.mark.parametrize("scenario", ["healthy", "fresh", "several", "disabled-key", "policy-lacking"])
def test_audit_policy_is_enough(limited: Limited, scenario: str) -> None:
    scope = limited.load(scenario, policy(actions("audit"), "aws"))
    under_the_policy = limited.lab.enforce(scope=scope, check_mode=True)
    as_administrator = limited.lab.enforce(check_mode=True)
    assert judged(under_the_policy) == judged(as_administrator)


def test_audit_of_readers_is_enough_and_misses_its_action_by_name(limited: Limited) -> None:
    task = Task(settings=Settings(readers=(f"arn:aws:iam::{ACCOUNT}:role/Free",)), check_mode=True)
    scope = limited.load("readers", policy(actions("audit-with-readers"), "aws"))
    under_the_policy = limited.lab.enforce(replace(task, scope=scope))
    assert judged(under_the_policy) == judged(limited.lab.enforce(task))
    scope = limited.load("readers", policy(actions("audit"), "aws"))
    assert "iam:SimulatePrincipalPolicy" in limited.told(replace(task, scope=scope))


@pytest.mark.parametrize("scenario", ENFORCEMENTS)
def test_enforce_policy_is_enough(limited: Limited, scenario: str) -> None:
    scope = limited.load(scenario, policy(actions("enforce"), "aws", ACCOUNT))
    planned = limited.lab.enforce(ENFORCEMENTS[scenario], check_mode=True)
    done = limited.lab.enforce(replace(ENFORCEMENTS[scenario], scope=scope))
    assert (done.errors, done.refusals, done.warnings) == ((), (), planned.warnings)
    assert done.after is not None
    assert done.after.verdict == "compliant"
    assert comparable(done) == comparable(planned)


@pytest.mark.parametrize("action", sorted({*actions("audit")} - {OF_ADMINISTRATORS, OF_ORGANIZATION_TRAILS}))
def test_audit_misses_each_action_by_name(limited: Limited, action: str) -> None:
    lacking = policy([name for name in actions("audit") if name != action], "aws")
    scope = replace(limited.load("healthy", lacking), key_tags=True)
    by_tag = Settings(approved_keys=("tag:purpose=cloudtrail",))
    assert action in limited.told(Task(scope=scope, settings=by_tag, check_mode=True))


def test_audit_of_an_organization_trail_misses_what_tells_the_organization_by_name(limited: Limited) -> None:
    lacking = policy([name for name in actions("audit") if name != OF_ORGANIZATION_TRAILS], "aws")
    bucket_role = Role("arn:aws:iam::444444444444:role/CloudTrailKmsAudit", EXTERNAL_ID)
    scope = replace(limited.load("organization", lacking), bucket_role=bucket_role)
    assert OF_ORGANIZATION_TRAILS in limited.told(Task(scope=scope, check_mode=True))


def test_delegated_administrator_misses_what_tells_so_by_name(limited: Limited) -> None:
    lacking = policy([name for name in actions("enforce") if name != OF_ADMINISTRATORS], "aws")
    scope = replace(limited.load("organization", lacking, ADMINISTRATOR), trails=("organization-trail",))
    assert OF_ADMINISTRATORS in limited.told(Task(scope=scope, request=EnforceRequest(trails=scope.trails)))


PROVING = Settings(proof="objects")
WITH_PROOF = [*actions("audit"), *actions("proof-objects")]


def proving(limited: Limited, document: Mapping[str, Any]) -> Task:
    """An audit with proof under a policy."""
    scope = replace(limited.load("healthy", document), proof="objects", folders=folders_of)
    return Task(scope=scope, settings=PROVING, check_mode=True)


def test_audit_policy_with_that_of_proof_is_enough(limited: Limited) -> None:
    told = limited.told(proving(limited, policy(WITH_PROOF, "aws", grants=GRANTS_OF_PROOF)))
    assert "is encrypted under the trail's key" in told
    assert "could not be read" not in told


def test_audit_policy_with_that_of_events_is_enough_for_events(limited: Limited) -> None:
    document = policy([*actions("audit"), *actions("proof-events")], "aws")
    scope = replace(limited.load("healthy", document), proof="events", folders=folders_of)
    told = limited.told(Task(scope=scope, settings=Settings(proof="events"), check_mode=True))
    assert "encryption_is_proven" in told
    assert "could not be read" not in told


@pytest.mark.parametrize("action", sorted(actions("proof-objects")))
def test_proof_misses_each_action_by_name(limited: Limited, action: str) -> None:
    lacking = policy([name for name in WITH_PROOF if name != action], "aws", grants=GRANTS_OF_PROOF)
    assert action in limited.told(proving(limited, lacking))


@pytest.mark.parametrize(
    "action", sorted({*actions("enforce")} - {*actions("audit")} - BEHIND_OTHER_CALLS - NOT_MISSED)
)
def test_enforcement_misses_each_action_by_name(limited: Limited, action: str) -> None:
    lacking = policy([name for name in actions("enforce") if name != action], "aws")
    scope = limited.load(MISSED_IN[action], lacking)
    assert action in limited.told(replace(ENFORCEMENTS[MISSED_IN[action]], scope=scope))


def test_provision_policy_is_enough(limited: Limited) -> None:
    scope = limited.load("new-bucket", policy(actions("provision"), "aws", ACCOUNT, "logs-*"))
    planned = limited.lab.enforce(PROVISIONING, check_mode=True)
    done = limited.lab.enforce(replace(PROVISIONING, scope=scope))
    assert (done.errors, done.refusals, done.warnings) == ((), (), planned.warnings)
    assert done.after is not None
    assert done.after.verdict == "compliant"
    assert comparable(done) == comparable(planned)


@pytest.mark.parametrize(
    "action", sorted({*PROVISIONING_ACTIONS.values(), "cloudtrail:AddTags", "kms:CreateKey"} - BEHIND_OTHER_CALLS)
)
def test_provisioning_misses_each_action_by_name(limited: Limited, action: str) -> None:
    lacking = policy([name for name in actions("provision") if name != action], "aws")
    scope = limited.load("new-bucket", lacking)
    assert action in limited.told(replace(PROVISIONING, scope=scope))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, "kms:CreateKey"),
        ({"BypassPolicyLockoutSafetyCheck": True}, "kms:CreateKey"),
        ({"Tags": [{"TagKey": "owner", "TagValue": "somebody"}]}, "kms:CreateKey"),
    ],
)
def test_enforce_policy_creates_no_other_keys(limited: Limited, call: dict[str, Any], words: str) -> None:
    scope = limited.load("fresh", policy(actions("enforce"), "aws"))
    assert scope.role is not None
    tags = [{"TagKey": "aws-baseline:cloudtrail-kms", "TagValue": "alias/x"}]
    access, region = limited.lab.access.assume(scope.role), limited.lab.aws.scenario["region"]
    with pytest.raises(Exception, match=words):
        access.send("kms", region, "CreateKey", **{"Tags": tags, **call})
    assert access.send("kms", region, "CreateKey", Tags=tags)["KeyMetadata"]["Arn"]


TRUSTED = {"TrustedPrincipal": "arn:aws:iam::555555555555:role/Automation", "ExternalId": EXTERNAL_ID}
# The account of moto, whose CloudFormation makes the stacks here.
MOTO = "123456789012"
ALL = {"Enforce": "true", "Provision": "true"}


def made(**parameters: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The roles that the template makes with these parameters, by name with their inline policies; and the outputs."""
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in (TRUSTED | parameters).items()]
    with mock_aws():
        session = boto3.Session("x", "x", region_name="eu-central-1")
        cloudformation, iam = session.client("cloudformation"), session.client("iam")
        template = (FOLDER / "member-roles.yml").read_text(encoding="utf-8")
        named = ["CAPABILITY_NAMED_IAM"]
        cloudformation.create_stack(StackName="roles", TemplateBody=template, Parameters=given, Capabilities=named)
        (stack,) = cloudformation.describe_stacks()["Stacks"]
        names = [role["RoleName"] for role in iam.list_roles()["Roles"]]
        roles: dict[str, Any] = {name: iam.get_role(RoleName=name)["Role"] for name in names}
        for name, role in roles.items():
            # moto keeps them as Python writes them, and calls each by a name of its own or of the template.
            role["policies"] = [
                literal_eval(str(iam.get_role_policy(RoleName=name, PolicyName=own)["PolicyDocument"]))
                for own in iam.list_role_policies(RoleName=name)["PolicyNames"]
            ]
    return roles, {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def test_template_makes_the_role_that_audits_and_the_others_on_request() -> None:
    roles, outputs = made()
    assert roles.keys() == {"CloudTrailKmsAudit"}
    assert outputs == {"AuditRoleArn": f"arn:aws:iam::{MOTO}:role/CloudTrailKmsAudit"}
    roles, outputs = made(**ALL)
    assert roles.keys() == set(ROLE_NAMES.values())
    assert outputs == {f"{purpose.capitalize()}RoleArn": roles[name]["Arn"] for purpose, name in ROLE_NAMES.items()}


def test_template_takes_names_path_boundary_and_tag() -> None:
    boundary = f"arn:aws:iam::{MOTO}:policy/Boundary"
    names = {"AuditRoleName": "a", "EnforceRoleName": "e", "ProvisionRoleName": "p"}
    given = {**names, "Path": "/security/", "PermissionsBoundary": boundary, "TagKey": "team", "TagValue": "logs"}
    roles, outputs = made(**ALL, **given)
    assert roles.keys() == {"a", "e", "p"}
    assert outputs["ProvisionRoleArn"] == f"arn:aws:iam::{MOTO}:role/security/p"
    for role in roles.values():
        assert role["Path"] == "/security/"
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
        assert role["Tags"] == [{"Key": "team", "Value": "logs"}]


def test_roles_of_the_template_have_the_policies_of_their_account() -> None:
    roles, _outputs = made(**ALL)
    for purpose, name in ROLE_NAMES.items():
        assert roles[name]["policies"] == [policy(actions(purpose), "aws", MOTO, "cloudtrail-logs-*")]
        assert roles[name]["AssumeRolePolicyDocument"]["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"AWS": TRUSTED["TrustedPrincipal"]},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
            }
        ]


@pytest.mark.parametrize(
    ("parameters", "beside"),
    [
        ({"Readers": "true"}, ["readers"]),
        ({"Proof": "events"}, ["proof-events"]),
        ({"Proof": "objects"}, ["proof-objects"]),
        ({"Readers": "true", "Proof": "objects"}, ["readers", "proof-objects"]),
    ],
)
def test_template_adds_what_readers_and_proof_need(parameters: dict[str, str], beside: list[str]) -> None:
    roles, _outputs = made(**ALL, **parameters)
    for role in roles.values():
        _own, *others = role["policies"]
        assert others == [policy(actions(each), "aws", MOTO, "*", GRANTS_OF_PROOF) for each in beside]


# What is asked in any account, or has no resource of its own (Service Authorization Reference).
READ_ELSEWHERE = {"LookAround", "ReadTrails", "ReadKeys", "ReadBuckets", "SetTheKeyOfTrails"}
WITHOUT_RESOURCE = {"LookAround", "CreateKeys", "OrganizationTrails"}


def test_template_has_no_wildcard_that_is_not_needed() -> None:
    """No action has one, no write but UpdateTrail reaches out of the account, and `*` is what has no resource."""
    roles, _outputs = made(**ALL, Readers="true")
    for statement in (each for role in roles.values() for one in role["policies"] for each in one["Statement"]):
        assert not [action for action in statement["Action"] if "*" in action]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        assert ("*" in resources) is (statement["Sid"] in WITHOUT_RESOURCE)
        if statement["Sid"] not in READ_ELSEWHERE | WITHOUT_RESOURCE:
            assert [each for each in resources if f":{MOTO}:" not in each and ":cloudtrail-logs-*" not in each] == []
