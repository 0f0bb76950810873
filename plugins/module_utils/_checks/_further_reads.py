# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to read after the first reads: the calls of readers that IAM must simulate, and the second policies of keys.

For each reader, IAM is asked about one action on all keys, and one on the files of all folders. The simulator gets the
context as far as it is known and is the same for all of these; IAM says which keys its policies need in addition (IAM
API reference, SimulatePrincipalPolicy, ContextEntries). RAM makes the second policy of a key that is shared through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from .._model import Bucket, Finding, Key, LeftToOwnerError, Level, ReaderCalls, Snapshot
from .._policy import ALTERNATIVES, Request, example_of, has_unknown, object_request, reader_request
from ._assess import assess, budget_of, subject_of
from ._own_side import simulated_as
from ._rules import RULES
from ._subject import Settings, Subject

_RULES = ("readers_can_read", "readers_can_decrypt")


@dataclass
class _Asked:
    resources: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)


def calls_of_readers(settings: Settings, snapshot: Snapshot) -> tuple[ReaderCalls, ...]:
    """The calls to simulate for the trails of a snapshot, an entry for each reader and action; none without readers."""
    calls: dict[tuple[str, str], _Asked] = {}
    for trail in snapshot.trails:
        own = settings.of(trail)
        is_left = isinstance(snapshot.buckets.get(trail.bucket_name), LeftToOwnerError)
        if trail.ownership == "inherited" or is_left or not any(_is_on(own, rule) for rule in _RULES):
            continue
        subject = subject_of(snapshot, trail, own)
        for reader in filter(simulated_as, own.readers):
            for request, resources in _requests(subject, reader):
                entry = calls.setdefault((reader, request.action), _Asked())
                entry.resources |= resources
                entry.requests.append(request)
    return tuple(
        ReaderCalls(reader, simulated_as(reader) or "", action, each.resources, _shared(each.requests))
        for (reader, action), each in calls.items()
    )


def _is_on(settings: Settings, rule: str) -> bool:
    return settings.levels.get(rule, RULES[rule].level) != "off"


def _requests(subject: Subject, reader: str) -> Iterator[tuple[Request, dict[str, str]]]:
    """The calls for one trail, each with its resources; the names of files are made up for the present time."""
    locations, key_arn, bucket = subject.locations, subject.trail.kms_key_arn, subject.bucket
    if _is_on(subject.settings, "readers_can_read") and len(locations) == 1:
        files = [folder.file for folder in (*locations[0].logs(), *locations[0].digests())]
        yield object_request(reader, locations[0]), {file: example_of(file, subject.read_at) for file in files}
    if key_arn:
        yield (
            reader_request(
                reader,
                trail_arn=subject.trail.arn,
                key_arn=key_arn,
                object_arn=locations[0].bucket_arn if subject.bucket_key is True else None,
                bucket_region=bucket.region if isinstance(bucket, Bucket) else key_arn.split(":")[3],
                known=subject.known,
            ),
            {key_arn: key_arn},
        )


def _shared(requests: list[Request]) -> Mapping[str, str | tuple[str, ...]]:
    """The context that all of these requests certainly carry. IAM cannot be told that a key is absent."""
    first, *others = (request.context for request in requests)
    return {
        key: value if isinstance(value, str) else tuple(value)
        for key, value in first.items()
        if value
        and key.lower() not in ALTERNATIVES
        and not any(map(has_unknown, [value] if isinstance(value, str) else value))
        and all(other.get(key) == value for other in others)
    }


# What the first policy refuses the second may allow, and whom the first keeps out the second may let in.
_OF_WHO_IS_LET_IN = (
    "key_policy_allows_encrypt",
    "key_policy_allows_describe",
    "key_policy_allows_decrypt",
    "readers_can_decrypt",
)
_OF_WHO_IS_KEPT_OUT = "key_policy_is_scoped"


def keys_needing_second_policy(settings: Settings, snapshot: Snapshot) -> frozenset[str]:
    """The keys whose second policy could change a verdict on an account that was read."""
    owners = {each: _of_second_policy(their) for each, their in settings.of_owners.items()}
    budget = budget_of(snapshot, settings)
    judged = assess(snapshot, replace(_of_second_policy(settings), of_owners=owners), budget)
    hanging = (each for each in judged.trails if budget.is_exhausted or any(map(_hangs_on_it, each.findings)))
    arns = (each.trail.kms_key_arn or "" for each in hanging)
    keys = [key for arn in arns if isinstance(key := snapshot.keys.get(arn), Key)]
    return frozenset(key.arn for key in keys if key.manager == "CUSTOMER" and isinstance(key.policy, str))


def _of_second_policy(settings: Settings) -> Settings:
    """The settings with only the rules that a second policy could change, and without exceptions."""
    names = (*_OF_WHO_IS_LET_IN, _OF_WHO_IS_KEPT_OUT)
    levels: dict[str, Level] = {name: settings.levels.get(name, rule.level) for name, rule in RULES.items()}
    narrowed: dict[str, Level] = {
        name: "required" if name in names and level == "required" else "off" for name, level in levels.items()
    }
    return replace(settings, levels=narrowed, exceptions=())


def _hangs_on_it(finding: Finding) -> bool:
    if finding.level != "required":
        return False
    if finding.rule == _OF_WHO_IS_KEPT_OUT:
        return finding.status != "fail"
    return finding.status == "fail" and not finding.is_denied
