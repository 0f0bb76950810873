# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published shape of the facts: what `cloudtrail_kms_facts` returns, and nothing else writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias, TypeVar

from ._checks import (
    RULES,
    USABLE_STATES,
    AccountVerdict,
    TrailVerdict,
    addressed,
    literal_verdict,
    roll_up,
    trail_verdict,
)
from ._model import Bucket, Finding, FormerKey, Key, Organization, ReadError, Snapshot
from ._version import VERSION

Fact = TypeVar("Fact")
# What `narrowed_by` of an account holds: by `regions`, `trails`, `rules_off` and `rules_lowered` what was requested.
Narrowing: TypeAlias = "dict[str, list[str]] | None"

# The fields of `enforcement`, which a report has of a run that enforces, in check mode or not.
ENFORCEMENT = ("changes", "refusals", "errors", "warnings")
# Whose view of a trail counts first, and then which verdict.
_OWNERSHIP = ("owned", "delegated", "inherited")
_WORST_FIRST = ("non_compliant", "unknown", "compliant")
VERDICTS = ("compliant", "non_compliant", "unknown", "no_trails", "not_applicable")


def facts(accounts: Sequence[AccountVerdict], narrowed: Narrowing = None) -> dict[str, Any]:
    """Return the document `cloudtrail_kms` of accounts that were judged; see `account_row` and `document`."""
    read_at = max(account.snapshot.read_at for account in accounts)
    return document([account_row(account, narrowed) for account in accounts], moment(read_at))


def narrowed_by(
    regions: Iterable[str], trails: Iterable[str], rules_off: Iterable[str], rules_advised: Iterable[str] = ()
) -> Narrowing:
    """Return what an audit was narrowed by, each list sorted; None where these are empty, and nothing was left out.

    `rules_advised` are the rules that were set to advised. Those that are required by themselves were lowered by that:
    no verdict hangs on them any more.
    """
    narrowing = {
        "regions": sorted({*regions}),
        "trails": sorted({*trails}),
        "rules_off": sorted({*rules_off}),
        "rules_lowered": sorted({rule for rule in rules_advised if RULES[rule].level == "required"}),
    }
    return narrowing if any(narrowing.values()) else None


def join(audits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the one document that a single run over all accounts of several documents would have returned.

    A trail that one document saw as a member does, and whose owner is in another, takes the owner's findings.
    The documents are of this version of the collection, and no account is in two of them.
    """
    rows = [row for audit in audits for row in audit["accounts"]]
    return document(rows, max(audit["generated_at"] for audit in audits))


def with_enforcement(audit: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with what an enforcement changed, or would change, refused, failed to do and warned of."""
    run = {**result, "warnings": result.get("run_warnings", ())}
    return {**audit, "enforcement": {name: list(run[name]) for name in ENFORCEMENT}}


def judged_again(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as its findings imply it: every verdict, cis_3_5 and the summary anew.

    An account that is not in use has no findings, so that it says so itself.
    """
    return document([_rejudged(row) for row in audit["accounts"]], audit["generated_at"])


def _rejudged(row: Mapping[str, Any]) -> dict[str, Any]:
    trails = [
        {
            **trail,
            "verdict": trail_verdict({each["status"] for each in trail["findings"] if each["level"] == "required"}),
            "cis_3_5": literal_verdict(trail["kms_key_arn"]),
        }
        for trail in row["trails"]
    ]
    if row["verdict"] == "not_applicable":
        return {**row, "trails": trails, "cis_3_5": "not_applicable"}
    return _rolled_up({**row, "trails": trails})


def _rolled_up(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account with the verdicts that those of its trails come to."""
    verdicts, literal = ([trail[name] for trail in row["trails"]] for name in ("verdict", "cis_3_5"))
    return {
        **row,
        "verdict": roll_up("non_compliant", "compliant", verdicts, complete=row["complete"]),
        "cis_3_5": roll_up("fail", "pass", literal, complete=row["complete"]),
    }


def replace_accounts(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the earlier document with the accounts of the later one in place of its own."""
    rows = {row["account_id"]: row for each in (earlier, later) for row in each["accounts"]}
    replaced = document([*rows.values()], later["generated_at"])
    enforcements = [audit["enforcement"] for audit in (earlier, later) if "enforcement" in audit]
    merged = {name: [each for enforcement in enforcements for each in enforcement[name]] for name in ENFORCEMENT}
    return {**replaced, "enforcement": merged} if enforcements else replaced


def document(rows: Sequence[Mapping[str, Any]], generated_at: str) -> dict[str, Any]:
    """Return the document of published accounts: JSON types only, lists in a stable order, accounts by their id.

    `summary` counts accounts by verdict, and `trails` and `excepted` trails, each once however many accounts see it.
    """
    owners = {trail["arn"]: (row, trail) for row in rows for trail in row["trails"] if trail["ownership"] == "owned"}
    accounts = [_with_facts_of_owners(owners, row) for row in sorted(rows, key=lambda row: str(row["account_id"]))]
    verdicts = [row["verdict"] for row in accounts]
    trails = [trail for _row, trail in distinct_trails(accounts)]
    return {
        "generated_at": generated_at,
        "collection_version": VERSION,
        "summary": {
            "accounts": len(accounts),
            "trails": len(trails),
            **{verdict: verdicts.count(verdict) for verdict in VERDICTS},
            "excepted": sum(any(finding["status"] == "excepted" for finding in trail["findings"]) for trail in trails),
        },
        "accounts": accounts,
    }


def distinct_trails(accounts: Iterable[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return each trail once, with the account that tells of it: its owner, or else the one that finds it worst."""
    best: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for account in accounts:
        for trail in account["trails"]:
            known = best.get(trail["arn"])
            if known is None or trail_rank(trail) < trail_rank(known[1]):
                best[trail["arn"]] = (account, trail)
    return list(best.values())


def trail_rank(trail: Mapping[str, Any]) -> tuple[int, int]:
    """Return the place of a trail among those of one ARN, as accounts see it: the lowest tells of it."""
    return _OWNERSHIP.index(trail["ownership"]), _WORST_FIRST.index(trail["verdict"])


def moment(read_at: datetime) -> str:
    """Return a time as the document has it."""
    return read_at.isoformat(timespec="seconds")


def unrefused(resources: Iterable[str], refusals: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the resources that no refusal is about: a restore changes these once the refused rows are deleted."""
    refused = {arn for each in refusals for arn in (*each["trails"], each["key"])}
    return [arn for arn in resources if arn not in refused]


def _with_facts_of_owners(
    owners: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]], row: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the account with what the owners of its organization's trails know of these, their keys and buckets.

    `owners` has the owner's row, and the trail as it stands there, by the trail's ARN.
    """
    foreign = {trail["arn"] for trail in row["trails"] if trail["ownership"] != "owned" and trail["arn"] in owners}
    if not foreign:
        return row
    trails = [_as_owner_sees(*owners[t["arn"]], t) if t["arn"] in foreign else t for t in row["trails"]]
    # The account's own come last, so that what it reads itself of a key that both use stays.
    sources = [(trail, owners[trail["arn"]][0]) for trail in trails if trail["arn"] in foreign]
    sources += [(trail, row) for trail in trails if trail["arn"] not in foreign]
    account = {
        **row,
        "organization": row["organization"] or next(owners[arn][0]["organization"] for arn in sorted(foreign)),
        "trails": trails,
        "kms_keys": _entries("kms_keys", "arn", {trail["kms_key_arn"]: source for trail, source in sources}),
        "buckets": _entries("buckets", "name", {trail["bucket_name"]: source for trail, source in sources}),
    }
    return _narrowed_with([owners[arn][0] for arn in foreign], _rolled_up(account))


def _narrowed_with(owners: Sequence[Mapping[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
    """Return the account, narrowed also by the rules that were off or lowered where its findings come from.

    A report that was written before reports told it leaves that unknown, which the absence of the field says.
    """
    if any("narrowed_by" not in each for each in (row, *owners)):
        return {field: value for field, value in row.items() if field != "narrowed_by"}
    first, *others = ({} if each["narrowed_by"] is None else each["narrowed_by"] for each in (row, *owners))
    off, lowered = (
        [rule for each in (first, *others) for rule in each.get(name, ())] for name in ("rules_off", "rules_lowered")
    )
    return {**row, "narrowed_by": narrowed_by(first.get("regions", ()), first.get("trails", ()), off, lowered)}


def _as_owner_sees(owner: Mapping[str, Any], seen: Mapping[str, Any], trail: Mapping[str, Any]) -> dict[str, Any]:
    findings = [
        {
            **finding,
            "remediation": addressed(finding["remediation"], owner["account_id"], is_unread="unread" in finding),
        }
        for finding in seen["findings"]
    ]
    return {**seen, "ownership": trail["ownership"], "findings": findings}


def _entries(field: str, name: str, wanted: Mapping[str | None, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the keys, or buckets, of these names, each from the row of the account that tells of it."""
    sources = {id(source): source for source in wanted.values()}.values()
    entries = (entry for source in sources for entry in source[field] if wanted.get(entry[name]) is source)
    return sorted(entries, key=lambda entry: str(entry[name]))


def account_row(account: AccountVerdict, narrowed: Narrowing) -> dict[str, Any]:
    """Return the published row of one account, as it sees things itself, of an audit that was `narrowed` or not.

    Of an account that is closed or suspended nothing is asked, and so nothing left out.
    """
    snapshot = account.snapshot
    keys = {key.arn: key for key in snapshot.keys.values() if isinstance(key, Key)}
    buckets = {bucket.name: bucket for bucket in snapshot.buckets.values() if isinstance(bucket, Bucket)}
    name = {"account_name": snapshot.account_name} if snapshot.account_name else {}
    former = [each for each in snapshot.former_keys if isinstance(each, FormerKey) and each.state not in USABLE_STATES]
    return {
        "account_id": snapshot.account_id,
        **name,
        "partition": snapshot.partition,
        "verdict": account.verdict,
        "cis_3_5": account.cis_3_5,
        "complete": account.complete,
        "audited_by": snapshot.audited_by,
        "organization": snapshot.organization.id if isinstance(snapshot.organization, Organization) else None,
        "regions": sorted(snapshot.regions),
        "narrowed_by": None if account.verdict == "not_applicable" else narrowed,
        "trails": [_trail(trail) for trail in account.trails],
        "kms_keys": [_key(keys[arn]) for arn in sorted(keys)],
        "buckets": [_bucket(buckets[name]) for name in sorted(buckets)],
        **({"former_keys": list(map(_former_key, former))} if former else {}),
        "errors": [asdict(error) for error in _errors(snapshot)],
    }


def _trail(judged: TrailVerdict) -> dict[str, Any]:
    trail = judged.trail
    return {
        "arn": trail.arn,
        "name": trail.name,
        "home_region": trail.home_region,
        "multi_region": trail.multi_region,
        "organization_trail": trail.organization_trail,
        "ownership": trail.ownership,
        "bucket_name": trail.bucket_name,
        "kms_key_arn": trail.kms_key_arn,
        "verdict": judged.verdict,
        "cis_3_5": judged.cis_3_5,
        "findings": [_finding(finding) for finding in judged.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    """Return the row of a finding; of most no statement is named, no read failed, and nothing is to be set or run."""
    details = {
        "settings": [dict(options) for options in finding.options],
        "command": finding.command,
        "unread": finding.unread and asdict(finding.unread),
        "statements": list(finding.statements),
    }
    return {
        "rule": finding.rule,
        "status": finding.status,
        "level": finding.level,
        "severity": finding.severity,
        "message": finding.message,
        "evidence": dict(finding.evidence),
        "remediation": finding.to_do,
        **{name: detail for name, detail in details.items() if detail},
        "frameworks": _frameworks(finding.rule),
    }


@cache
def _frameworks(rule: str) -> dict[str, list[str]]:
    """Return the controls that ask for a rule; one object for all findings, which are most of an audit."""
    return {name: list(controls) for name, controls in RULES[rule].frameworks.items()}


def _key(key: Key) -> dict[str, Any]:
    aliases = _known(key.aliases)
    return {
        "arn": key.arn,
        "aliases": None if aliases is None else list(aliases),
        "manager": key.manager,
        "state": key.state,
        "spec": key.spec,
        "usage": key.usage,
        "multi_region": key.multi_region,
        "rotation_enabled": _known(key.rotation_enabled),
        "policy": _known(key.policy),
    }


def _bucket(bucket: Bucket) -> dict[str, Any]:
    return {"name": bucket.name, "region": bucket.region, "bucket_key_enabled": _known(bucket.bucket_key_enabled)}


def _former_key(key: FormerKey) -> dict[str, Any]:
    deleted = key.deletion_date
    return {**asdict(key), "since": moment(key.since), "deletion_date": moment(deleted) if deleted else None}


def _known(fact: Fact | ReadError) -> Fact | None:
    """A fact that could not be read is null; the account's `errors` say why."""
    return None if isinstance(fact, ReadError) else fact


def _errors(snapshot: Snapshot) -> list[ReadError]:
    """Return every read of the account that failed, each once, in the order of account, trails, keys, buckets.

    What failed of a trail that another account owns stands in its findings alone: the owner may know better.
    """
    owned = [trail for trail in snapshot.trails if trail.ownership == "owned"]
    facts_read: list[object] = [
        *snapshot.errors,
        *snapshot.closed_regions,
        *snapshot.disabled_regions,
        *(trail.status for trail in owned),
        *snapshot.former_keys,
    ]
    for key in _of(snapshot.keys, {trail.kms_key_arn for trail in owned}):
        facts_read += [key.aliases, key.policy, key.rotation_enabled, key.tags] if isinstance(key, Key) else [key]
    for bucket in _of(snapshot.buckets, {trail.bucket_name for trail in owned}):
        facts_read += [bucket.policy, bucket.bucket_key_enabled] if isinstance(bucket, Bucket) else [bucket]
    return list(dict.fromkeys(error for error in facts_read if isinstance(error, ReadError)))


def _of(facts_by_name: Mapping[str, Fact], names: Collection[str | None]) -> list[Fact]:
    return [fact for name, fact in facts_by_name.items() if name in names]
