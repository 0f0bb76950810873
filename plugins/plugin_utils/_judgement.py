# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an audit fails its host, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._text import printable

# The verdicts of an account that fail its host, for each value of fail_on.
FAILING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "unknown": frozenset({"non_compliant", "no_trails", "unknown"}),
        "non_compliant": frozenset({"non_compliant", "no_trails"}),
        "never": frozenset(),
    }
)
# A message is read in a terminal or in a mail: beyond this many reasons it counts the rest.
_NAMED = 10


def failure(audit: Mapping[str, Any], fail_on: str) -> str | None:
    """Return the message a failing host ends with, or None where no account fails under `fail_on`.

    `audit` has the shape of `ansible_facts.cloudtrail_kms`; `fail_on` is a key of `FAILING`.
    """
    failing = [account for account in audit["accounts"] if account["verdict"] in FAILING[fail_on]]
    if not failing:
        return None
    sentences = [_account_sentence(account) for account in failing]
    return " ".join([*sentences, "The report says what to do about each; fail_on decides what fails a run."])


def _account_sentence(account: Mapping[str, Any]) -> str:
    account_id, verdict, trails = account["account_id"], account["verdict"], account["trails"]
    if verdict == "no_trails":
        return f"Account {account_id} is no_trails: no trail was found in the regions that were read."
    named = [trail for trail in trails if trail["verdict"] == verdict]
    status, wording = ("fail", "fail") if verdict == "non_compliant" else ("unknown", "could not be judged")
    reasons = [_trail_reason(trail, status) for trail in named]
    if status == "unknown":
        reasons += sorted({f"{error['iam_action']}: {error['code']}" for error in account["errors"]})
    more = [f"and {len(reasons) - _NAMED} more"] if len(reasons) > _NAMED else []
    listed = "; ".join([*reasons[:_NAMED], *more])
    counted = f"{len(named)} of {len(trails)} trails {wording}" if named else "not all of it could be read"
    return f"Account {account_id} is {verdict}: {counted} ({listed})."


def _trail_reason(trail: Mapping[str, Any], status: str) -> str:
    rules = [
        finding["rule"]
        for finding in trail["findings"]
        if finding["level"] == "required" and finding["status"] == status
    ]
    return f"trail {printable(trail['name'])} in {trail['home_region']}: {', '.join(rules)}"
