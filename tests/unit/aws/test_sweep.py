# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many accounts at once: each present once, each fact read once, by its owner; what cannot be entered is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import audit
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError, connect
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import join
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError, next_step
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._module import Progress
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import account_notes
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller
from tests.unit.aws.conftest import LOG_ARCHIVE, MANAGEMENT, PRODUCTION, SECURITY, Change, Load, role
from tests.unit.aws.sweeping import EVERYBODY, MEMBER_ROLE, STAGING, row, swept, verdicts, warned
from tests.unit.test_arguments import sweep_params


def test_a_landing_zone_is_judged_everywhere_by_what_each_owner_knows(load: Load) -> None:
    document = swept(load("organization"), regions=None)
    assert verdicts(document) == {**dict.fromkeys(EVERYBODY, "compliant"), STAGING: "non_compliant"}
    assert document["summary"] == {
        "accounts": 5,
        "trails": 2,
        "compliant": 4,
        "non_compliant": 1,
        "unknown": 0,
        "no_trails": 0,
        "not_applicable": 0,
        "excepted": 0,
    }
    assert [account["errors"] for account in document["accounts"]] == [[]] * 5


def test_members_take_the_findings_of_the_trails_owner(load: Load) -> None:
    document = swept(load("organization"))
    (owned,) = row(document, MANAGEMENT)["trails"]
    (inherited,) = row(document, PRODUCTION)["trails"]
    (delegated,) = row(document, SECURITY)["trails"]
    assert (owned["ownership"], inherited["ownership"], delegated["ownership"]) == ("owned", "inherited", "delegated")
    assert [found["message"] for found in inherited["findings"]] == [found["message"] for found in owned["findings"]]
    for field in ("kms_keys", "buckets"):
        assert row(document, PRODUCTION)[field] == row(document, MANAGEMENT)[field] != []


def test_what_the_owner_has_to_do_is_addressed_to_it(changed: Callable[[Change], FakeAws]) -> None:
    aws = changed(lambda scenario: scenario["keys"]["organization-key"].update(state="Disabled"))
    document = swept(aws)
    remedies = {
        account_id: next(
            found["remediation"]
            for found in row(document, account_id)["trails"][0]["findings"]
            if found["rule"] == "key_is_usable"
        )
        for account_id in (MANAGEMENT, PRODUCTION)
    }
    assert remedies[MANAGEMENT].startswith("Enable it: ")
    assert remedies[PRODUCTION] == (
        f"In account {MANAGEMENT}, which owns this organization trail: {remedies[MANAGEMENT]}"
    )
    assert row(document, PRODUCTION)["verdict"] == "non_compliant"


def test_each_key_bucket_and_status_is_read_once_in_all(load: Load) -> None:
    aws = load("organization")
    swept(aws)
    asked = Counter((call["action"], str(call["parameters"].get("Bucket"))) for call in aws.calls())
    key_reads = ("DescribeKey", "GetKeyPolicy", "ListAliases", "GetKeyRotationStatus")
    assert [asked[action, "None"] for action in key_reads] == [1, 1, 1, 1]
    assert asked["GetTrailStatus", "None"] == 2
    assert asked["HeadBucket", f"organization-logs-{LOG_ARCHIVE}"] == 1
    # The trail's account is refused; the account in the bucket's name is answered.
    assert asked["GetBucketPolicy", f"organization-logs-{LOG_ARCHIVE}"] == 2
    assert asked["AssumeRole", "None"] == 4  # the caller's own account is read with its own credentials


def test_the_owner_of_a_central_bucket_is_found_whatever_its_name(changed: Callable[[Change], FakeAws]) -> None:
    aws = changed(lambda scenario: scenario["buckets"]["organization-logs"].update(name="company-logs"))
    document = swept(aws)
    assert verdicts(document)[MANAGEMENT] == "compliant"
    asked = Counter(call["account"] for call in aws.calls() if call["action"] == "GetBucketPolicy")
    assert asked[LOG_ARCHIVE] == 1
    assert sum(asked.values()) <= 2 + len(EVERYBODY) + 1


def test_a_bucket_that_two_accounts_deliver_to_is_central_too(changed: Callable[[Change], FakeAws]) -> None:
    def two_trails(scenario: dict[str, Any]) -> None:
        scenario["buckets"]["common"] = {"account": "log-archive", "name": "common-logs"}
        scenario["keys"]["common"] = {"account": "production"}
        scenario["trails"] = {
            name: {"account": name, "bucket": "common", "key": "common"} for name in ("production", "staging")
        }

    aws = changed(two_trails)
    document = swept(aws)
    assert [row(document, account)["verdict"] for account in (PRODUCTION, STAGING)] == ["compliant", "compliant"]
    # Without its owner, credentials that all accounts share are refused once, not for each account.
    aws.clear_calls()
    roles = {"key_assume_role": role(SECURITY, name="CloudTrailKmsEnforce"), "bucket_assume_role": role(SECURITY)}
    swept(aws, [PRODUCTION, STAGING], **roles)
    asked = Counter(call["principal"] for call in aws.calls() if call["parameters"].get("Bucket") == "common-logs")
    shared = [times for principal, times in asked.items() if f":{SECURITY}:" in principal]
    assert shared == [2, 2, 2]  # for the policy, and for the encryption


def test_the_bucket_of_one_account_is_not_looked_for_everywhere(changed: Callable[[Change], FakeAws]) -> None:
    aws = changed(lambda scenario: scenario["buckets"]["staging-logs"].update(account="log-archive", name="elsewhere"))
    document = swept(aws)
    (trail,) = (trail for trail in row(document, STAGING)["trails"] if trail["ownership"] == "owned")
    assert trail["verdict"] == "non_compliant"
    asked = {call["account"] for call in aws.calls() if call["parameters"].get("Bucket") == "elsewhere"}
    assert asked == {STAGING, SECURITY}  # the caller, who needs no role


def test_without_the_owner_in_the_sweep_it_is_said_whose_credentials_would_tell(load: Load) -> None:
    given = sweep_params(accounts=[PRODUCTION], assume_role=MEMBER_ROLE, regions=["eu-central-1"])
    scope, settings = _audit_arguments.to_scope(given), _audit_arguments.to_settings(given)
    document, _warnings = audit(caller(load("organization"), STAGING), scope, settings, lambda _done: None)
    (trail,) = row(document, PRODUCTION)["trails"]
    assert trail["verdict"] == "unknown"
    remedies = {found["rule"]: found["remediation"] for found in trail["findings"]}
    assert (
        f"Set key_assume_role to a role in account {SECURITY}, which owns the key, that may kms:GetKeyPolicy."
        in remedies["key_policy_allows_encrypt"]
    )
    assert "bucket_assume_role" in remedies["bucket_policy_accepts_key"]
    assert row(document, PRODUCTION)["errors"] == []


def test_the_caller_tells_of_what_its_own_account_owns_though_it_is_not_swept(load: Load) -> None:
    (trail,) = row(swept(load("organization"), [PRODUCTION]), PRODUCTION)["trails"]
    statuses = {found["rule"]: found["status"] for found in trail["findings"]}
    assert (statuses["key_policy_allows_encrypt"], statuses["bucket_policy_accepts_key"]) == ("pass", "unknown")


def test_members_look_for_themselves_where_the_owner_cannot_be_entered(changed: Callable[[Change], FakeAws]) -> None:
    members = [PRODUCTION, STAGING, LOG_ARCHIVE, SECURITY]
    names = ["production", "staging", "log-archive", "security"]
    aws = changed(lambda scenario: scenario["roles"]["CloudTrailKmsAudit"].update(accounts=names))
    document = swept(aws)
    assert verdicts(document)[MANAGEMENT] == "unknown"
    assert [row(document, member)["verdict"] for member in members] == [
        "compliant",
        "non_compliant",
        "compliant",
        "compliant",
    ]


# Bad input of a list of accounts: what is wrong with one of them is its own row.
def test_an_account_whose_role_does_not_exist_is_one_unknown_row(changed: Callable[[Change], FakeAws]) -> None:
    others = ["management", "staging", "log-archive", "security"]
    document = swept(changed(lambda scenario: scenario["roles"]["CloudTrailKmsAudit"].update(accounts=others)))
    not_entered = row(document, PRODUCTION)
    assert (not_entered["verdict"], not_entered["cis_3_5"], not_entered["complete"]) == ("unknown", "unknown", False)
    (error,) = not_entered["errors"]
    assert (error["service"], error["operation"], error["iam_action"]) == ("sts", "AssumeRole", "sts:AssumeRole")
    role = f"arn:aws:iam::{PRODUCTION}:role/CloudTrailKmsAudit"
    assert f"Cannot assume the role {role} (AccessDenied: " in error["message"]
    assert error["message"].endswith("and that the caller is allowed sts:AssumeRole.")
    assert verdicts(document) == {
        **dict.fromkeys(EVERYBODY, "compliant"),
        PRODUCTION: "unknown",
        STAGING: "non_compliant",
    }


def test_with_a_wrong_external_id_every_account_is_unknown_but_the_callers_own(load: Load) -> None:
    document = swept(load("organization"), assume_role={**MEMBER_ROLE, "external_id": "wrong"})
    assert verdicts(document) == {**dict.fromkeys(EVERYBODY, "unknown"), SECURITY: "unknown"}
    assert row(document, SECURITY)["errors"] == []
    assert "external id" in row(document, PRODUCTION)["errors"][0]["message"]


def test_an_account_that_does_not_exist_is_unknown_and_the_organization_says_so(load: Load) -> None:
    document = swept(load("organization"), [PRODUCTION, "999999999999"])
    assume, member = row(document, "999999999999")["errors"]
    assert (assume["operation"], member["operation"]) == ("AssumeRole", "DescribeAccount")
    assert (member["code"], member["iam_action"]) == ("AccountNotFoundException", "organizations:DescribeAccount")
    assert next_step(ReadError(**member)) == (
        "Correct the account id: there is no such account in the organization of the credentials."
    )
    assert verdicts(document) == {PRODUCTION: "unknown", "999999999999": "unknown"}
    assert row(document, PRODUCTION)["errors"] == []  # its key and bucket are others', who are not in the sweep


def test_a_suspended_account_is_not_applicable(changed: Callable[[Change], FakeAws]) -> None:
    aws = changed(lambda scenario: scenario["accounts"][1].update(state="SUSPENDED"))
    document = swept(aws)
    gone = row(document, PRODUCTION)
    assert (gone["verdict"], gone["cis_3_5"], gone["account_name"]) == (
        "not_applicable",
        "not_applicable",
        "production",
    )
    assert document["summary"]["not_applicable"] == 1
    assert [call["parameters"] for call in aws.calls() if call["action"] == "DescribeAccount"] == [
        {"AccountId": PRODUCTION}
    ]


def test_a_caller_who_may_not_ask_the_organization_is_not_asked_for_each_account(load: Load) -> None:
    aws = load("organization")
    given = sweep_params(
        accounts=[MANAGEMENT, STAGING, LOG_ARCHIVE], assume_role={**MEMBER_ROLE, "role_name": "Nobody"}
    )
    scope = _audit_arguments.to_scope({**given, "concurrency": 1})
    document, _warnings = audit(caller(aws, PRODUCTION), scope, _audit_arguments.to_settings(given), lambda _done: None)
    assert set(verdicts(document).values()) == {"unknown"}
    assert {error["code"] for account in document["accounts"] for error in account["errors"]} == {
        "AccessDenied",
        "AccessDeniedException",
    }
    assert [call["action"] for call in aws.calls()].count("DescribeAccount") == 1


def test_where_organizations_is_not_in_use_a_closed_account_is_unknown(changed: Callable[[Change], FakeAws]) -> None:
    def no_organization(scenario: dict[str, Any]) -> None:
        del scenario["organization"]
        scenario["trails"]["organization-trail"]["organization"] = False
        scenario["accounts"][1].update(state="SUSPENDED")

    document = swept(changed(no_organization))
    assert verdicts(document)[PRODUCTION] == "unknown"
    error = row(document, PRODUCTION)["errors"][1]
    assert error["code"] == "AWSOrganizationsNotInUseException"
    assert next_step(ReadError(**error)) == (
        "The account of the credentials is in no organization: use those of the management account or a "
        "delegated administrator."
    )


def test_a_region_that_an_scp_closes_is_told_and_no_verdict_unless_asked(changed: Callable[[Change], FakeAws]) -> None:
    aws = changed(lambda scenario: scenario["accounts"][2].update(closed_regions=["us-west-2"]))
    for closed, complete in (("advise", True), ("unknown", False)):
        staging = row(swept(aws, closed_regions=closed, regions=["eu-central-1", "us-west-2"]), STAGING)
        assert [(error["region"], error["iam_action"]) for error in staging["errors"]] == [
            ("us-west-2", "cloudtrail:DescribeTrails")
        ]
        assert staging["complete"] is complete


def test_a_region_that_one_account_has_not_enabled_is_told_and_the_others_are_read(
    changed: Callable[[Change], FakeAws],
) -> None:
    aws = changed(lambda scenario: scenario["accounts"][1].update(regions=["eu-central-1"]))
    asked = ["eu-central-1", "eu-west-1"]
    document = swept(aws, [PRODUCTION, STAGING], regions=asked, closed_regions="unknown")
    (error,) = row(document, PRODUCTION)["errors"]
    assert (error["code"], error["region"]) == ("RegionNotEnabled", "eu-west-1")
    assert f"account {PRODUCTION} has not enabled this region" in error["message"]
    assert next_step(ReadError(**error)).startswith("Enable the Region eu-west-1 for the account, or leave it out")
    assert row(document, PRODUCTION)["complete"]


def test_a_region_or_trail_that_one_account_lacks_is_that_accounts_row(changed: Callable[[Change], FakeAws]) -> None:
    aws = changed(lambda scenario: scenario["accounts"][1].update(regions=["eu-central-1"]))
    document = swept(aws, [PRODUCTION, STAGING], regions=["eu-west-1"], trails=["staging-trail"])
    (error,) = row(document, PRODUCTION)["errors"]
    assert error["code"] == "RegionNotEnabled"
    assert f"Account {PRODUCTION} has no enabled region eu-west-1; enabled are: eu-central-1." in error["message"]
    assert verdicts(document) == {PRODUCTION: "unknown", STAGING: "non_compliant"}
    misspelt = row(swept(aws, [STAGING], regions=["eu-central-1", "eu-wset-1"]), STAGING)
    assert "has no enabled region eu-wset-1" in misspelt["errors"][0]["message"]
    assert [note.to_do for note in account_notes(misspelt)] == [
        "Enable the Region eu-wset-1 for the account, or leave it out with the option regions."
    ]
    missing = row(swept(aws, [MANAGEMENT, STAGING], trails=["staging-trail"]), MANAGEMENT)
    assert (missing["verdict"], missing["errors"][0]["code"]) == ("unknown", "TrailNotFoundException")
    (note,) = account_notes(missing)
    assert note.remediation == "Correct the option trails."
    assert note.text.endswith("organization-trail.")


@pytest.mark.parametrize("why", [{"regions": ["us-east-1", "eu-west-1"]}, {"closed_regions": ["eu-central-1"]}])
def test_the_first_region_of_the_caller_may_be_shut_in_a_member(
    why: dict[str, Any], changed: Callable[[Change], FakeAws]
) -> None:
    aws = changed(lambda scenario: scenario["accounts"][2].update(why))
    staging = row(swept(aws, [STAGING], regions=["eu-west-1", "us-east-1"]), STAGING)
    assert [error for error in staging["errors"] if error["operation"] == "DescribeRegions"] == []
    assert staging["complete"]


def test_an_account_of_which_no_region_answers_is_unknown_with_each_error(load: Load) -> None:
    aws = load("organization")
    aws.add_fault("cloudtrail:DescribeTrails", code="AccessDeniedException", account=STAGING, times=-1)
    document = swept(aws, regions=["eu-central-1", "eu-west-1"])
    assert [error["region"] for error in row(document, STAGING)["errors"]] == ["eu-central-1", "eu-west-1"]
    assert verdicts(document) == {**dict.fromkeys(EVERYBODY, "compliant"), STAGING: "unknown"}


def test_an_owners_role_that_is_refused_stops_the_sweep(load: Load) -> None:
    with pytest.raises(AwsError, match="role/Nobody"):
        swept(load("organization"), key_assume_role=role(SECURITY, name="Nobody"))


def test_without_credentials_of_the_caller_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    given = sweep_params(accounts=[PRODUCTION], assume_role=MEMBER_ROLE)
    with pytest.raises(AwsError, match="No AWS credentials were found"):
        audit(
            connect("us-east-1", "http://127.0.0.1:9", {}, 4),
            _audit_arguments.to_scope(given),
            _audit_arguments.to_settings(given),
            lambda _done: None,
        )


def test_an_exception_is_unused_only_if_no_account_of_the_sweep_has_its_trail(load: Load) -> None:
    exception = {"account": None, "rules": ["trail_has_kms_key"], "reason": "x", "owner": "me", "expires": "2036-01-01"}
    exceptions = [{**exception, "trail": name} for name in ("staging-trail", "stageing-trail")]
    document, (warning,) = warned(load("organization"), exceptions=exceptions)
    assert warning.startswith("The exception for trail stageing-trail matches no trail that was read in the 5 accounts")
    assert document["summary"]["excepted"] == 1


def slices() -> list[tuple[list[str], list[str]]]:
    """The accounts divided among two: the trail's owner with each of the others."""
    pairs = [[MANAGEMENT, other] for other in EVERYBODY[1:]]
    return [(pair, [account_id for account_id in EVERYBODY if account_id not in pair]) for pair in pairs]


@pytest.mark.parametrize(("first", "second"), slices())
def test_slices_joined_are_the_sweep_of_all(first: list[str], second: list[str], load: Load) -> None:
    aws = load("organization")
    owners: dict[str, Any] = {"key_assume_role": role(SECURITY), "bucket_assume_role": role(LOG_ARCHIVE)}
    joined = join([swept(aws, first, **owners), swept(aws, second, **owners)])
    assert timeless(joined) == timeless(swept(aws, **owners))


def timeless(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its times."""
    for account in document["accounts"]:
        for trail in account["trails"]:
            for found in trail["findings"]:
                found["evidence"].pop("latest_delivery_time", None)
    return {**document, "generated_at": None}


def test_progress_is_a_line_for_every_tenth(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    progress = Progress(str(path), 500)
    assert path.read_text(encoding="utf-8") == ""
    for done in range(1, 501):
        progress(done)
    assert path.read_text(encoding="utf-8").splitlines() == [
        f"Audited {done} of 500 accounts" for done in range(50, 501, 50)
    ]


def test_progress_of_few_accounts_is_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    path.write_text("before\n", encoding="utf-8")
    progress = Progress(str(path), 3)
    for done in (1, 2, 3):
        progress(done)
    told = ["before", *(f"Audited {done} of 3 accounts" for done in (1, 2, 3))]
    assert path.read_text(encoding="utf-8").splitlines() == told


def test_progress_of_an_enforcement_is_told_by_phase(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    progress = Progress(str(path))
    for phase, accounts in (("Read", 2), ("Planned", 1), ("Applied", 0), ("Verified", 1)):
        progress.begin(phase, accounts)
        for _account in range(accounts):
            progress.one()
    lines = ["Read 1 of 2 accounts", "Read 2 of 2 accounts", "Planned 1 of 1 accounts", "Verified 1 of 1 accounts"]
    assert path.read_text(encoding="utf-8").splitlines() == lines


def test_without_a_path_no_progress_is_told() -> None:
    Progress(None, 0)
