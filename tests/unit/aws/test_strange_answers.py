# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bad answer of one endpoint is unknown there, with the reason: no traceback, no list without end."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import audit
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws import (
    _access,
    _calls,
    _organizations,
    _resources,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Bucket, ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import (
    AccountScope,
    NamedRole,
    Role,
    Scope,
)
from tests import PATIENCE
from tests.fuzz.healthy import ANSWERS, KEY, TRAIL
from tests.fuzz.targets import Answers
from tests.fuzz.wire import HEALTHY, Sent, Wire
from tests.unit.checks import build

REPLICA = {**KEY, "MultiRegion": True, "MultiRegionConfiguration": {"MultiRegionKeyType": "REPLICA"}}
PAGE = {"Aliases": [{"AliasName": "alias/trail"}], "Truncated": True}
WIRE = Wire()


def sent(**members: Any) -> bytes:
    return json.dumps(members).encode()


def header(region: str) -> Sent:
    return Sent(b"", headers={"x-amz-bucket-region": region})


STRANGE: dict[str, tuple[str, Sent | bytes]] = {
    "no region": ("HeadBucket", header("banana")),
    "an empty region": ("HeadBucket", header("")),
    "a region of two lines": ("HeadBucket", header("us-east-1\nus-east-1")),
    "no header": ("HeadBucket", Sent(b"")),
    "a moment that no clock knows": ("GetTrailStatus", sent(IsLogging=True, LatestDeliveryTime=1e300)),
    "a moment that is none": ("GetTrailStatus", sent(IsLogging=True, LatestDeliveryTime="soon")),
    **{
        f"{name} that no arithmetic survives, {epoch}": ("GetTrailStatus", sent(IsLogging=True, **{name: epoch}))
        for name in ("LatestDeliveryTime", "LatestDigestDeliveryTime", "StartLoggingTime")
        for epoch in (253402300799, 253370764800, -62135596800)
    },
    "a deletion that no clock knows": ("DescribeKey", sent(KeyMetadata={**KEY, "DeletionDate": -1e300})),
    "a replica without a primary": ("DescribeKey", sent(KeyMetadata=REPLICA)),
    "a primary in no region": (
        "DescribeKey",
        sent(
            KeyMetadata={
                **REPLICA,
                "MultiRegionConfiguration": {
                    "MultiRegionKeyType": "REPLICA",
                    "PrimaryKey": {"Arn": build.KEY_ARN.replace("us-east-1", "nowhere")},
                },
            }
        ),
    ),
    "a replica in no region": (
        "DescribeKey",
        sent(
            KeyMetadata={
                **KEY,
                "MultiRegion": True,
                "MultiRegionConfiguration": {
                    "MultiRegionKeyType": "PRIMARY",
                    "PrimaryKey": {"Arn": build.KEY_ARN},
                    "ReplicaKeys": [{"Arn": build.KEY_ARN.replace("us-east-1", "nowhere")}],
                },
            }
        ),
    ),
    "another key": ("DescribeKey", sent(KeyMetadata={**KEY, "Arn": f"{build.KEY_ARN}0"})),
    "a key of another account": (
        "DescribeKey",
        sent(KeyMetadata={**KEY, "Arn": build.KEY_ARN.replace(build.ACCOUNT, "999999999999")}),
    ),
    "another policy": ("GetKeyPolicy", sent(Policy="{}", PolicyName="AWS_RAM")),
    "more regions than there are": (
        "DescribeRegions",
        b"<DescribeRegionsResponse><regionInfo>%s</regionInfo></DescribeRegionsResponse>"
        % b"".join(b"<item><regionName>us-east-%d</regionName></item>" % number for number in range(1, 1000))[:20000],
    ),
    "a page without the next": ("ListAliases", sent(**PAGE)),
    "a page that repeats": ("ListAliases", sent(**PAGE, NextMarker="again")),
    "a wrong type": ("ListAliases", sent(Aliases={"AliasName": "alias/trail"})),
    "XML that is none": ("DescribeRegions", b"<Describe"),
    "an empty body": ("DescribeKey", b""),
    "a page of a portal": ("GetKeyPolicy", b"<html>Sign in</html>"),
    "bytes": ("GetBucketPolicy", b"\xff\xfe"),
}


def errors_of(wire: Wire) -> list[dict[str, Any]]:
    found, _warnings = audit(wire.access, Scope(concurrency=2), Settings(), lambda _done: None)
    json.dumps(found)
    (account,) = found["accounts"]
    (trail,) = account["trails"]
    assert trail["verdict"] in ("unknown", "non_compliant", "compliant")
    return list(account["errors"])


def test_a_healthy_account_is_read_from_the_wire() -> None:
    assert errors_of(WIRE.with_answers()) == []


@pytest.mark.parametrize("name", ["DeletionDate", "ValidTo"])
def test_a_key_may_expire_as_late_as_there_are_dates(name: str) -> None:
    """Nothing is ever added to this date."""
    assert errors_of(WIRE.with_answers(DescribeKey=sent(KeyMetadata={**KEY, name: 253402300799}))) == []


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_answer_is_unknown_where_it_was_given(name: str) -> None:
    operation, answer = STRANGE[name]
    (error,) = errors_of(WIRE.with_answers(**{operation: answer}))
    assert error["operation"] == operation
    assert "the answer is not one that AWS gives" in error["message"]
    assert WIRE.asked < 2 * len(HEALTHY)


@pytest.mark.parametrize(
    "members",
    [
        {"HomeRegion": "nowhere", "TrailARN": build.TRAIL_ARN.replace("us-east-1", "nowhere")},
        {"KmsKeyId": build.KEY_ARN.replace("us-east-1", "a b")},
    ],
)
def test_a_trail_in_no_region_is_no_trail(members: dict[str, str]) -> None:
    with pytest.raises(AwsError, match=r"No region of account .* could be read: .* is not a region"):
        errors_of(WIRE.with_answers(DescribeTrails=sent(trailList=[{**TRAIL, **members}])))


@pytest.mark.parametrize(
    ("trails", "why"),
    [
        ([{**TRAIL, "KmsKeyId": ""}, TRAIL], "a trail shows twice"),
        ([{**TRAIL, "Name": "another"}], "is not that of its ARN"),
        ([{**TRAIL, "HomeRegion": "eu-west-1"}], "is not that of its ARN"),
        ([{**TRAIL, "KmsKeyId": build.KEY_ARN.replace(":key/", ":alias/")}], "is not an ARN that AWS gives"),
        ([{**TRAIL, "KmsKeyId": build.KEY_ARN.replace(":kms:", ":s3:")}], "is not an ARN that AWS gives"),
    ],
)
def test_a_trail_that_contradicts_itself_is_no_trail(trails: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(AwsError, match=f"No region of account .* could be read: .*{why}"):
        errors_of(WIRE.with_answers(DescribeTrails=sent(trailList=trails)))


# Remedies are commands that people copy into a shell.
@pytest.mark.parametrize("more", ["; rm -rf ~", "$(id)", "`id`", " x", "\n", "'", "/x"])
def test_an_arn_that_aws_gives_no_trail_or_key_is_no_answer(more: str) -> None:
    with pytest.raises(AwsError, match=r"No region of account .* could be read: .* is not an ARN"):
        errors_of(WIRE.with_answers(DescribeTrails=sent(trailList=[{**TRAIL, "TrailARN": f"{build.TRAIL_ARN}{more}"}])))
    of_key = sent(KeyMetadata={**KEY, "Arn": f"{build.KEY_ARN}{more}"})
    (error,) = errors_of(WIRE.with_answers(DescribeKey=of_key))
    assert (error["operation"], "is not an ARN" in error["message"]) == ("DescribeKey", True)


@pytest.mark.parametrize("moment", [0, -62135596800, 253402300799])
def test_moments_long_ago_and_far_ahead_are_moments_or_unknown(moment: int) -> None:
    wire = WIRE.with_answers(
        GetTrailStatus=sent(IsLogging=True, LatestDeliveryTime=moment, StartLoggingTime=moment),
        DescribeKey=sent(KeyMetadata={**KEY, "KeyState": "PendingDeletion", "DeletionDate": moment}),
    )
    assert all("not one that AWS gives" in error["message"] for error in errors_of(wire))


def test_fields_that_nobody_knows_are_passed_over() -> None:
    wire = WIRE.with_answers(
        DescribeKey=sent(KeyMetadata={**KEY, "New": {"a": [1e300]}}, Other=None),
        DescribeTrails=sent(trailList=[{**TRAIL, "New": 1}]),
    )
    assert errors_of(wire) == []


class Endless(Access):
    """An access whose lists never end, each page with a token of its own."""

    def __init__(self) -> None:
        self.region = "us-east-1"
        self._number = itertools.count()

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Answer a page, or an OU below any other."""
        assert (service, region) < ("z", parameters.get("NextToken", "z"))
        number = next(self._number)
        if operation == "ListOrganizationalUnitsForParent":
            return {"OrganizationalUnits": [{"Id": f"ou-{number}", "Name": "deeper"}]}
        if operation in ("ListRoots", "ListAccountsForParent", "ListAccounts"):
            return {"Roots": [{"Id": "r-root"}], "Accounts": []}
        rows: dict[str, list[Any]] = {"Aliases": [], "Tags": [], "Keys": [], "DelegatedServices": []}
        return {**rows, "Truncated": True, "NextMarker": str(number), "NextToken": str(number)}


def test_no_list_is_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_access, "MOST_PAGES", 50)
    monkeypatch.setattr(_organizations, "MOST_UNITS", 50)
    for read in (_calls.key_aliases, _calls.list_key_tags, _calls.administers_cloudtrail):
        answer = read(Endless(), "us-east-1", build.KEY_ARN)
        assert isinstance(answer, ReadError)
        assert "more than 50 pages" in answer.message
    with pytest.raises(AwsError, match="it has more than 50 OUs, which AWS never returns"):
        _organizations.read_organization(Endless())


SWEPT = ("111111111111", "222222222222", "333333333333")


def swept(caller: Access) -> dict[str, dict[str, Any]]:
    scope = Scope(concurrency=2, accounts=tuple(AccountScope(each, NamedRole("Audit")) for each in SWEPT))
    found, _warnings = audit(caller, scope, Settings(), lambda _done: None)
    return {row["account_id"]: row for row in found["accounts"]}


def unexpected(rows: dict[str, dict[str, Any]]) -> list[tuple[dict[str, str], str]]:
    """The errors that nobody foresaw, each with the verdict of its account."""
    return [
        (error, row["verdict"])
        for row in rows.values()
        for error in row["errors"]
        if error["code"] == "UnexpectedError"
    ]


class Faulty(Answers):
    """Each account has a trail with the one bucket; the first read of a kind ends with a fault of ours."""

    def __init__(self, operation: str, faults: Iterator[int], account: str = build.ACCOUNT) -> None:
        (trail,) = ANSWERS["DescribeTrails"]["trailList"]
        owned = {**trail, "TrailARN": build.TRAIL_ARN.replace(build.ACCOUNT, account)}
        super().__init__({**ANSWERS, "DescribeTrails": {"trailList": [owned]}})
        self._operation, self._faults = operation, faults

    def assume(self, role: Role) -> Access:
        """The answers of another account."""
        return Faulty(self._operation, self._faults, role.account_id)

    def ask(self, service: str, region: str, operation: str, *arguments: Any, **parameters: Any) -> Any:
        """End one read in a way that nobody foresaw."""
        if operation == self._operation and next(self._faults) == 0:
            raise ZeroDivisionError("division\ud800")
        return super().ask(service, region, operation, *arguments, **parameters)


@pytest.mark.parametrize("operation", ["DescribeTrails", "HeadBucket", "DescribeRegions", "GetTrailStatus"])
def test_a_fault_of_ours_ends_one_account_of_a_sweep_and_says_where_it_is(operation: str) -> None:
    rows = swept(Faulty(operation, itertools.count()))
    ((error, verdict),) = unexpected(rows)
    assert list(rows) == list(SWEPT)
    assert verdict == "unknown"
    assert error["message"].startswith("ZeroDivisionError: division\\ud800 (test_strange_answers.py:")
    assert error["message"].endswith(", in ask)")


def test_nobody_waits_for_a_bucket_that_was_not_read_after_all() -> None:
    shared = _resources.Shared()
    records = list(ANSWERS["DescribeTrails"]["trailList"])
    with ThreadPoolExecutor(4) as pool, ThreadPoolExecutor(2) as accounts:
        faulty = _resources.Account("222222222222", "aws", Faulty("HeadBucket", itertools.count()))
        with pytest.raises(ZeroDivisionError):
            _resources.read_keys_and_buckets(pool, faulty, records, shared)
        sound = _resources.Account(build.ACCOUNT, "aws", Answers(ANSWERS))
        reads = accounts.submit(_resources.read_keys_and_buckets, pool, sound, records, shared)
        _keys, buckets = reads.result(timeout=PATIENCE)
    assert isinstance(buckets["logs"], Bucket)


def test_a_fault_in_judging_ends_one_account_too(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = itertools.count()

    def faulty(*arguments: Any) -> Any:
        if next(judged) == 0:
            raise LookupError("no such rule")
        return assess(*arguments)

    monkeypatch.setattr("ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit.assess", faulty)
    ((error, verdict),) = unexpected(swept(Answers(ANSWERS)))
    assert error["message"].startswith("LookupError: no such rule (test_strange_answers.py:")
    assert verdict == "unknown"
