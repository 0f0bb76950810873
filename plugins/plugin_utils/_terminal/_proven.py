# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a run on what was delivered, and what that proves of the encryption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from ...module_utils._next_steps import is_denied
from ...module_utils._operations import WRITES
from ...module_utils._printable import count
from .._reports import WITH_KEY, proofs, still_failing

# Of a run of many accounts the report says the others.
MOST_PROOFS = 3
_MOST_REASONS = 5
_PREFIX = "cloudtrail_kms_"
_MARGIN = " " * 10


def proven_trails(audit: Mapping[str, Any], reports: Sequence[str]) -> Iterator[str]:
    """Yield of how many trails an audit with proof has it, what the others lack, and where that stands in full.

    `reports` are the files, or folders of a bucket, that say of each trail what proves it.
    """
    found = proofs(audit["accounts"])
    if not (words := str(found)):
        return
    yield f"Proven    {words}"
    lacking = [finding for _trail, finding in found.with_key if finding["status"] != "pass"]
    yield from _lacking(lacking)
    yield from _to_allow(lacking)
    if failing := sum(bool(still_failing(trail["findings"])) for trail in found.proven):
        of_proven = count(len(found.proven), "proven trail")
        yield f"{_MARGIN}{failing} of {of_proven} must be fixed all the same: see above"
    if found.with_key:
        yield f"{_MARGIN}{_in_full(reports)}"


def _lacking(findings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield how many trails lack which proof, most of them first."""
    reasons = Counter(_missing(finding["evidence"]) for finding in findings)
    for missing, number in reasons.most_common(_MOST_REASONS):
        lack = f"lack{'s' if number == 1 else ''} {missing}" if missing else "refuted: a log shows another key, or none"
        yield f"{_MARGIN}{count(number, 'trail')} {lack}"
    if len(reasons) > _MOST_REASONS:
        yield f"{_MARGIN}and {count(len(reasons) - _MOST_REASONS, 'more reason')}"


def _to_allow(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what gives the callers the actions that they lack for the proof, and where these stand by account."""
    denied = [each for each in findings if "unread" in each and is_denied(each["unread"]["code"])]
    if denied:
        actions = dict.fromkeys(each["unread"]["iam_action"] for each in denied)
        missing = chain.from_iterable(each["evidence"].get("missing", ()) for each in denied)
        mode = "objects" if any(" s3:" in each for each in missing) else "events"
        yield f"{_MARGIN}Who lacks it: see {', '.join(actions)} above. Allow it by docs/permissions/proof-{mode}.json,"
        yield f"{_MARGIN}which the parameter Proof={mode} of the template member-roles.yml attaches"


def _missing(evidence: Mapping[str, Any]) -> str:
    """Return what would prove a trail, or an empty text where a log shows another key."""
    return " and ".join(evidence.get("missing", ()))


def _in_full(reports: Sequence[str]) -> str:
    """Return where the proof of each trail stands, or how to get a report that has it."""
    where = ", ".join(reports) or f"add -e {_PREFIX}reports=html -e {_PREFIX}report_dir=reports"
    return f"Trail by trail: {where}"


def _changed_trails(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the trails whose encryption the applied changes reach: by themselves, or through their key."""
    applied = (each for each in result["changes"] if each["status"] == "applied")
    changed = {each["resource"] for each in applied if not WRITES[each["operation"]].is_optional}
    trails = (trail for row in (result["after"] or {}).get("accounts", ()) for trail in row["trails"])
    return [trail for trail in trails if changed & {trail["arn"], trail["kms_key_arn"]}]


def delivered(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many of the changed trails have delivered since, or how to find out."""
    if deliveries := result["deliveries"]:
        trails = count(len(deliveries), "changed trail")
        have = "has" if len(deliveries) == 1 else "have"
        yield f"Delivery  {sum(deliveries.values())} of {trails} {have} delivered since"
    elif _changed_trails(result):
        yield f"Delivery  not waited for: audit again in some minutes ({_PREFIX}wait=true waits for it)"


def proven(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what proves that changed trails deliver under their keys, of the first ones, and how many lack proof."""
    judged = [
        (trail, finding)
        for trail in _changed_trails(result)
        for finding in trail["findings"]
        if finding["rule"] == "encryption_is_proven" and finding["status"] in WITH_KEY
    ]
    proven_by = [
        f"{trail['name']}: {finding['message']} {still_failing(trail['findings'])}".rstrip()
        for trail, finding in judged
        if finding["status"] == "pass"
    ]
    if len(proven_by) < len(judged):
        yield f"Proven    {len(proven_by)} of {count(len(judged), 'changed trail')}: audit again in 20 minutes"
    yield from (f"Proven    {each}" for each in proven_by[:MOST_PROOFS])
    if len(proven_by) > MOST_PROOFS:
        yield f"          and {count(len(proven_by) - MOST_PROOFS, 'more trail')}"
