# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which accounts of an audit fail, the sentence that says why, and what each host is told of that."""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, cast

from ansible import constants

from ...module_utils._operations import WRITES
from ...module_utils._printable import count, first_of, printable
from .._reports import Previous, accounts_with_new, unkept
from ._host_accounts import HostAccount, are_swept, host_failures
from ._sealed import SealedFiles

# The verdicts of an account that fail its host, for each value of fail_on.
FAILING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "unknown": frozenset({"non_compliant", "no_trails", "unknown"}),
        "non_compliant": frozenset({"non_compliant", "no_trails"}),
        "new": frozenset({"non_compliant", "no_trails", "unknown"}),  # where there is nothing to compare with
        "never": frozenset(),
    }
)
# A plan says that it would change something, as Ansible's check mode does.
_CHANGED = frozenset({"planned", "applied"})
# A message is read in a terminal or in a mail: beyond this many reasons it counts the rest.
_NAMED = 10


def judge(
    run_options: Mapping[str, Any],
    hosts: Sequence[HostAccount],
    audit: Mapping[str, Any],
    result: Mapping[str, Any],
    *,
    is_shown: bool,
    is_diff_shown: bool = False,
    previous: Previous | None = None,
) -> dict[str, Any]:
    """Judge the accounts, leave each host its part, and return the counts, and where the parts lie.

    `audit` is the last audit that was read, `result` that of the module. An enforcement is judged by how it leaves the
    accounts. Refusals, failures and diffs that were shown already are not repeated.
    """
    enforcement = result if "before" in result else None
    judged = judged_audit(result) if enforcement else audit
    failing = failing_accounts(run_options, judged, enforcement, is_shown=is_shown, previous=previous)
    return {
        "summary": audit["summary"],
        "failing": len(failing),
        **({"counts": counts(result), "left_to_the_role": left_to_the_role(result)} if enforcement else {}),
        **leave(parts_of_hosts(hosts, judged, failing, {**result, "diff": ()} if is_diff_shown else result)),
    }


def failing_accounts(
    run_options: Mapping[str, Any],
    audit: Mapping[str, Any],
    enforcement: Mapping[str, Any] | None = None,
    *,
    is_shown: bool = False,
    previous: Previous | None = None,
) -> dict[str, str]:
    """Return, by account id, the message that the host of a failing account ends with.

    `audit` is what accounts are judged by, `enforcement` what has led to it, and whether that `is_shown` in a table.
    """
    refused, would = (_reasons(enforcement, is_shown), _is_planned(enforcement)) if enforcement else ({}, False)
    previous = previous if run_options["fail_on"] == "new" else None
    failing = failures(audit, run_options["fail_on"], refused, would=would, previous=previous)
    if run_options["require_organization_trail"]:
        failing = joined(failing, without_organization_trail(audit))
    if enforcement and run_options["fail_on_drift"]:
        failing = joined(failing, drifted(enforcement, run_options["fail_on"], previous))
    return failing


def last_read(enforcement: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the last audit that was read: that of before, if changes are only planned or no account was read again."""
    return cast("Mapping[str, Any]", enforcement["before"] if _is_planned(enforcement) else judged_audit(enforcement))


def judged_audit(enforcement: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the audit that an enforcement is judged by: how it leaves the accounts, in check mode how it would."""
    return cast("Mapping[str, Any]", enforcement["after"] or enforcement["before"])


def _is_planned(enforcement: Mapping[str, Any]) -> bool:
    return any(change["status"] == "planned" for change in enforcement["changes"])


def _reasons(enforcement: Mapping[str, Any], is_shown: bool) -> dict[str, list[str]]:
    """Return, by account id, what an enforcement was refused or failed to do; only how much, if a table has shown it.

    A reason about none of its accounts, such as the key of another one, goes to the first account, so that it is seen.
    """
    accounts = [row["account_id"] for row in enforcement["before"]["accounts"]]
    statuses: dict[str, set[str]] = {}
    for change in enforcement["changes"]:
        statuses.setdefault(change["account_id"], set()).add(change["status"])
    found: dict[str, list[tuple[str, str]]] = {}
    for word, entries in (("refused", enforcement["refusals"]), ("failed", enforcement["errors"])):
        for each in entries:
            account = each["account_id"] if each["account_id"] in accounts else accounts[0]
            is_begun = word == "refused" or statuses.get(account) != {"not_attempted"}
            found.setdefault(account, []).append((word if is_begun else "not attempted", each["message"]))
    if not is_shown:
        return {account: [message for _word, message in entries] for account, entries in found.items()}
    numbers = {account: Counter(word for word, _message in entries) for account, entries in found.items()}
    return {
        account: [f"Account {account}: {', '.join(map(_counted, each, each.values()))}. The table says why."]
        for account, each in numbers.items()
    }


def _counted(word: str, number: int) -> str:
    return f"{word} for {number} reasons" if number > 1 else word


def left_to_the_role(enforcement: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the planned changes that the role makes before the run, each with its diff."""
    changes = (change for change in enforcement["changes"] if change["status"] in _CHANGED)
    pairs = zip(changes, enforcement["diff"], strict=True)
    return [
        {"change": change, "diff": diff}
        for change, diff in pairs
        if change["status"] == "planned" and WRITES[change["operation"]].is_sent_by_role
    ]


def with_made(result: dict[str, Any], made: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the result of an enforcement with what the role has made for it, which comes first."""
    if not made or "changes" not in result:
        return result
    changes = [{**each["change"], "status": "applied"} for each in made]
    diffs = [each["diff"] for each in made]
    return {**result, "changes": [*changes, *result["changes"]], "diff": [*diffs, *result["diff"]], "changed": True}


def counts(enforcement: Mapping[str, Any]) -> dict[str, int]:
    """Return how many changes of an enforcement have each status, and how much was refused and failed."""
    statuses = Counter(change["status"] for change in enforcement["changes"])
    changes = {status: statuses[status] for status in ("planned", "applied", "failed", "not_attempted")}
    return {**changes, "refusals": len(enforcement["refusals"]), "errors": len(enforcement["errors"])}


def parts_of_hosts(
    hosts: Sequence[HostAccount], audit: Mapping[str, Any], failing: Mapping[str, str], result: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the part of each host, by its name: why it fails, its verdicts, whether it changed, and the diff.

    `result` is that of the module. `failing` says of accounts, by their ids, why they fail.
    """
    verdicts = {row["account_id"]: row["verdict"] for row in audit["accounts"]}
    why = host_failures(hosts, audit, failing)
    changes = _changes_of_hosts(hosts, result)
    return {
        each.host: {
            "reason": why[each.host],
            "verdicts": {each.account_id: verdicts[each.account_id]} if are_swept(hosts) else verdicts,
            **changes[each.host],
        }
        for each in hosts
    }


def _changes_of_hosts(hosts: Sequence[HostAccount], result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return whether the account of each host is changed, and the diff of that.

    A change in an account that no host stands for, such as that of a key that they use, goes to the first host.
    """
    by_account = {str(each.account_id): each.host for each in reversed(hosts)}
    by_host: dict[str, dict[str, Any]] = {each.host: {"changed": False, "diff": []} for each in hosts}
    changes = [change for change in result.get("changes", ()) if change["status"] in _CHANGED]
    for change, diff in zip_longest(changes, result.get("diff", ())):
        of_host = by_host[by_account.get(change["account_id"], hosts[0].host)]
        of_host["changed"] = True
        of_host["diff"] += [diff] if diff else []
    return by_host


def drifted(enforcement: Mapping[str, Any], fail_on: str, previous: Previous | None = None) -> dict[str, str]:
    """Return, by account id, the message for each account that a dry run would change or finds failing.

    An account also fails if its trails wait for a change in another account, such as that of a shared key.
    """
    before = enforcement["before"]
    if not _is_planned(enforcement):
        return {}
    accounts = [row["account_id"] for row in before["accounts"]]
    planned = Counter(
        change["account_id"] if change["account_id"] in accounts else accounts[0]
        for change in enforcement["changes"]
        if change["status"] == "planned"
    )
    changes = {
        account: f"Account {account} has drifted: {count(number, 'change')} planned (fail_on_drift)."
        for account, number in planned.items()
    }
    return joined(failures(before, fail_on, previous=previous), changes)


def failures(
    audit: Mapping[str, Any],
    fail_on: str,
    reasons: Mapping[str, Sequence[str]] = MappingProxyType({}),
    *,
    would: bool = False,
    previous: Previous | None = None,
) -> dict[str, str]:
    """Return, by account id, the message that the host of a failing account ends with.

    `audit` has the shape of `ansible_facts.cloudtrail_kms`; `fail_on` is a key of `FAILING`. Accounts that do not fail
    under it are left out. `reasons`, what an enforcement was refused or failed to do, fail an account whatever its
    verdict. `would` says that the audit is predicted. With a `previous` report that can be used only what is new fails.
    """
    comparison = previous.comparison(audit) if previous else None
    if comparison and comparison["previous"]:
        by_verdict = _failures_that_are_new(audit, comparison, would=would)
    else:
        failing = [account for account in audit["accounts"] if account["verdict"] in FAILING[fail_on]]
        verb = "would be" if would else "is"
        by_verdict = {each["account_id"]: printable(_account_sentence(each, verb)) for each in failing}
    return {**by_verdict, **{account: "\n".join(map(printable, messages)) for account, messages in reasons.items()}}


def joined(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Return the messages of both, one text an account."""
    accounts = [*one, *(account for account in other if account not in one)]
    return {account: " ".join(each[account] for each in (one, other) if account in each) for account in accounts}


def without_organization_trail(audit: Mapping[str, Any]) -> dict[str, str]:
    """Return, by account id, the message for each account that no trail of its organization covers.

    A multi-Region trail covers it that is not known to be off. Whether its logs are encrypted is for its verdict.
    """
    return {
        account["account_id"]: (
            f"Account {account['account_id']} has no multi-Region trail of its organization that logs. Create one in "
            "the management account, or give this account a trail of its own by create_trail."
        )
        for account in audit["accounts"]
        if account["verdict"] != "not_applicable" and not any(map(_covers, account["trails"]))
    }


def _covers(trail: Mapping[str, Any]) -> bool:
    off = any(finding["evidence"].get("is_logging") is False for finding in trail["findings"])
    return trail["organization_trail"] and trail["multi_region"] and not off


def _account_sentence(account: Mapping[str, Any], verb: str) -> str:
    verdict, trails = account["verdict"], account["trails"]
    name = f" ({account['account_name']})" if account.get("account_name") else ""
    subject = f"Account {account['account_id']}{name}"
    if verdict == "no_trails":
        return f"{subject} {verb} no_trails: no trail was found in the regions that were read."
    named = [trail for trail in trails if trail["verdict"] == verdict]
    status, wording = ("fail", "fail") if verdict == "non_compliant" else ("unknown", "could not be judged")
    reasons = [_trail_reason(trail, status) for trail in named]
    if status == "unknown":
        reasons += sorted({f"{error['iam_action']}: {error['code']}" for error in account["errors"]})
    listed = first_of(reasons, _NAMED, "; ")
    counted = f"{_trails_counted(named, trails)} {wording}" if named else "not all of it could be read"
    return f"{subject} {verb} {verdict}: {counted} ({listed})."


def _trails_counted(named: Sequence[Mapping[str, Any]], trails: Sequence[Mapping[str, Any]]) -> str:
    """Return `1 of 2 trails`: the account's own, and apart from them those that it inherits, where some are named."""
    counted = []
    for is_inherited, words in ((False, "trails"), (True, "inherited trails")):
        those, every = (
            sum((trail["ownership"] == "inherited") is is_inherited for trail in each) for each in (named, trails)
        )
        counted += [f"{those} of {every} {words}"] if those else []
    return " and ".join(counted)


def _failures_that_are_new(audit: Mapping[str, Any], comparison: Mapping[str, Any], *, would: bool) -> dict[str, str]:
    """Return, by account id, the message for each account with a finding that did not fail so before."""
    names = {account["account_id"]: account.get("account_name") for account in audit["accounts"]}
    verb = "would have" if would else "has"
    when = comparison["previous"]["generated_at"]
    messages = {}
    for account_id, entries in accounts_with_new(comparison).items():
        name = f" ({names[account_id]})" if names[account_id] else ""
        listed = first_of([*map(_new_reason, entries)], _NAMED, "; ")
        found = f"{verb} what the report of {when} has not: {listed}."
        messages[account_id] = printable(f"Account {account_id}{name} {found}")
    return messages


def _new_reason(entry: Mapping[str, Any]) -> str:
    if entry["trail"] is None:
        return f"{entry['rule']} ({entry['after']})"
    region, name = entry["trail"].split(":")[3], entry["trail"].rpartition("/")[2]
    return f"trail {name} in {region}: {entry['rule']} ({entry['after']})"


def _trail_reason(trail: Mapping[str, Any], status: str) -> str:
    rules = [
        finding["rule"]
        for finding in trail["findings"]
        if finding["level"] == "required" and finding["status"] == status
    ]
    return f"trail {trail['name']} in {trail['home_region']}: {', '.join(rules)}"


def leave(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Write the part of each host, and return as `results` what has to be registered for `part_of` to find them.

    Ansible copies what a task registers to every host of the play. So each host's part lies in a file of its own on the
    control node, until ansible-playbook ends. Where it cannot be written there, the run has `failed`, and says so.
    """
    try:
        directory = tempfile.mkdtemp(prefix="cloudtrail-kms-results-", dir=constants.DEFAULT_LOCAL_TMP)
        where = {"directory": directory, "key": secrets.token_hex(16)}
        files = SealedFiles(**where)
        for host, part in parts.items():
            files.write(host, part)
    except OSError as error:
        return {"failed": True, "msg": printable(unkept("What was found of each host", error))}
    return {"results": where}


def part_of(host: str, where: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the part of a host, or None where the run was not about it. Raises SealError."""
    return SealedFiles(where["directory"], where["key"]).read(host)
