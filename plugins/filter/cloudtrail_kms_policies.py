# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy engine for anybody's playbook or template. The documentation of each filter stands beside this file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ansible.errors import AnsibleFilterError

from ..module_utils._model import KEY_ARN, PLACEHOLDER, TRAIL_ARN
from ..module_utils._options import PRINCIPAL_ARN
from ..module_utils._policy import (
    SERVICE_ACTIONS,
    Decision,
    MergeRefusedError,
    Outcome,
    Policy,
    PolicyError,
    Required,
    decide,
    merge,
    new_key_policy,
    parse,
    reader_request,
    service_request,
    validate,
)
from ..module_utils._printable import printable

Answer: TypeAlias = dict[str, Any]

# Not none: an empty lookup that is handed on as the policy is a mistake, and no wish for a new one.
_NEW = object()
_LONGEST = 80  # characters of a value in a message
_A_READER = "the ARN of an IAM role, user or account root"
_ALLOWED = {Outcome.ALLOWED: True, Outcome.IMPLICIT_DENY: False, Outcome.EXPLICIT_DENY: False}


class FilterModule:
    """The filters `cloudtrail_kms_key_policy` and `cloudtrail_kms_decide`."""

    def filters(self) -> dict[str, Callable[..., Answer]]:
        """Return the filters by name."""
        return {"cloudtrail_kms_key_policy": _key_policy, "cloudtrail_kms_decide": _decide}


def _key_policy(
    trails: Any, readers: Any = (), statements: Any = "strict", policy: Any = _NEW, key_arn: Any = None
) -> Answer:
    """Return a key policy for trails and readers, new or merged into one; AnsibleFilterError where that fails."""
    name = "cloudtrail_kms_key_policy"
    arns = _arns(name, "trails", trails, TRAIL_ARN, "the ARN of a trail")
    if not arns:
        raise AnsibleFilterError(f"{name}: trails is empty.")
    if statements not in ("strict", "cis"):
        raise AnsibleFilterError(f"{name}: statements is {_shown(statements)}, and not strict or cis.")
    present = None if policy is _NEW else _policy(name, policy)
    _check_key(name, present, key_arn)
    required = Required(
        _key_arn(name, key_arn, arns[0]), arns, _arns(name, "readers", readers, PRINCIPAL_ARN, _A_READER), statements
    )
    _check_partitions(name, required.key_arn, *required.trail_arns, *required.readers)
    try:
        made = merge(present, required) if present else new_key_policy(required)
    except MergeRefusedError as error:
        raise AnsibleFilterError(printable(f"{name}: {_of_key(str(error), required.key_arn)}")) from None
    problems = validate(made)
    if problems:
        raise AnsibleFilterError(printable(f"{name}: KMS would not accept the policy: {' '.join(problems)}"))
    return _plain(name, made)


def _decide(
    policy: Any, trail: Any, reader: Any = None, action: Any = "kms:GenerateDataKey", key_arn: Any = None
) -> Answer:
    """Return whether CloudTrail may use a key for a trail, or a reader decrypt its logs, and why."""
    name = "cloudtrail_kms_decide"
    read = _policy(name, policy)
    _check_key(name, read, key_arn)
    (trail_arn,) = _arns(name, "trail", [trail], TRAIL_ARN, "the ARN of a trail")
    key = _key_arn(name, key_arn, trail_arn)
    if reader is not None:
        (arn,) = _arns(name, "reader", [reader], PRINCIPAL_ARN, _A_READER)
        _check_partitions(name, key, trail_arn, arn)
        region = key.split(":")[3]
        request = reader_request(arn, trail_arn=trail_arn, key_arn=key, bucket_region=region, object_arn=None)
        return _answer(decide(read, request), key)
    _check_partitions(name, key, trail_arn)
    if action not in SERVICE_ACTIONS:
        raise AnsibleFilterError(f"{name}: action must be one of {', '.join(SERVICE_ACTIONS)}, not {_shown(action)}.")
    return _answer(decide(read, service_request(action, trail_arn=trail_arn, key_arn=key)), key)


def _answer(decision: Decision, key: str) -> Answer:
    return {
        "allowed": _ALLOWED.get(decision.outcome),
        "outcome": decision.outcome.value,
        "reason": printable(_of_key(decision.reason, key)),
        "advice": printable(_of_key(decision.advice, key)),
    }


def _of_key(text: str, key: str) -> str:
    """Return the text with "the key" in place of its made-up ARN, if the caller named no key."""
    return text.replace(key, "the key") if key.endswith(PLACEHOLDER) else text


def _policy(name: str, policy: Any) -> Policy:
    """Return the policy, of JSON text or of the object that it holds."""
    if not isinstance(policy, str | Mapping):
        raise AnsibleFilterError(f"{name}: the policy is {_shown(policy)}, and neither JSON text nor its content.")
    try:
        return parse(policy if isinstance(policy, str) else json.dumps(policy))
    except PolicyError as error:
        raise AnsibleFilterError(printable(f"{name}: {error}")) from None
    except (TypeError, ValueError, RecursionError) as error:  # YAML reads a Version without quotes as a date
        raise AnsibleFilterError(printable(f"{name}: the policy cannot be written as JSON: {error}.")) from None


def _plain(name: str, policy: Policy) -> Answer:
    """Return the policy's document as templates and filters take it.

    Python keeps no number of a policy that is too long or too large for it; AnsibleFilterError names that.
    """
    text = policy.to_json()
    try:
        document: Answer = json.loads(text)
        is_kept = parse(json.dumps(document)).to_json() == text
    except (PolicyError, ValueError):
        is_kept = False
    if not is_kept:
        raise AnsibleFilterError(f"{name}: the policy has a number that Ansible cannot keep as it is: quote it.")
    return document


def _check_key(name: str, policy: Policy | None, key_arn: Any) -> None:
    """Raise AnsibleFilterError where a statement speaks of keys by their ARN, and nobody says which key this is."""
    for each in policy.statements if policy and key_arn is None else ():
        if each.resources and set(each.resources.values) != {"*"}:
            raise AnsibleFilterError(
                printable(f"{name}: {each.label} names keys in its Resource: give key_arn, the ARN of the key.")
            )


def _key_arn(name: str, key_arn: Any, trail_arn: str) -> str:
    """Return the ARN of the key; that of a new one is in the account and the region of the trail."""
    if key_arn is None:
        _arn, partition, _service, region, account = trail_arn.split(":")[:5]
        return f"arn:{partition}:kms:{region}:{account}:{PLACEHOLDER}"
    return _arns(name, "key_arn", [key_arn], KEY_ARN, "the ARN of a key")[0]


def _arns(name: str, option: str, values: Any, pattern: re.Pattern[str], meaning: str) -> tuple[str, ...]:
    """Return the values of an option; AnsibleFilterError for one that is not what it is to be."""
    if not isinstance(values, list | tuple):
        raise AnsibleFilterError(f"{name}: {option} is {_shown(values)}, and no list.")
    for value in values:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise AnsibleFilterError(f"{name}: {option} has {_shown(value)}, which is not {meaning}.")
    return tuple(str(value) for value in values)


def _check_partitions(name: str, key_arn: str, *others: str) -> None:
    """Raise AnsibleFilterError for an ARN of another partition than the key's, which no key policy can name."""
    for arn in others:
        if arn.split(":")[1] != key_arn.split(":")[1]:
            raise AnsibleFilterError(_of_key(f"{name}: {arn} is in another partition than {key_arn}.", key_arn))


def _shown(value: Any) -> str:
    if isinstance(value, list | Mapping):
        return "a list" if isinstance(value, list) else "a dictionary"
    return printable(repr(value[:_LONGEST] if isinstance(value, str) else value))
