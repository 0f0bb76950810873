# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a policy allows until a day: a condition on the time of the request holds now, and will not then.

IAM user guide, "AWS global condition context keys": aws:CurrentTime and aws:EpochTime are always there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

from .._model import Bucket, Key
from .._policy import TIME_KEYS, Budget, Policy, moment_of
from ._policy_rules import parsed
from ._subject import Result, Subject

# What policies write for "never"; a moment later, and the clock of Python ends.
_NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)


def judge_with_windows(judge: Callable[[Subject], Result], subject: Subject) -> Result:
    """What a rule says now, or, where it passes, as advice that it will not at or after a moment that a policy names.

    All moments are tried with one budget; where that does not suffice, what comes after is unknown.
    """
    subject = replace(subject, budget=Budget.of(len(subject.settings.readers)))
    result = judge(subject)
    for moment, tried in _moments(subject) if result.status == "pass" else ():
        later = judge(replace(subject, read_at=tried))
        if later.status == "unknown" and subject.budget.is_exhausted:
            when = moment.isoformat(timespec="seconds")
            message = f"{result.message} A policy depends on the time. After {when}: {later.message}"
            return Result("unknown", message, later.remediation, result.evidence, advice=True)
        if later.status in ("fail", "unknown") and not later.advice:
            when = moment.isoformat(timespec="seconds")
            message = f"{result.message} A policy changes this at {when}. Then: {later.message}"
            return Result("fail", message, f"Before {when}: {later.remediation}", result.evidence, advice=True)
    return result


def _moments(subject: Subject) -> Iterator[tuple[datetime, datetime]]:
    """The moments to come that conditions on the time of the request name, in order: each, and one before the next."""
    key, bucket = subject.key, subject.bucket
    texts = [key.policy, key.ram_policy] if isinstance(key, Key) else []
    texts += [bucket.policy] if isinstance(bucket, Bucket) else []
    named = {moment for text in texts if isinstance(text, str) for moment in _named(text)}
    # aws:EpochTime has the whole second that has begun.
    now = subject.read_at.replace(microsecond=0)
    moments = sorted(moment for moment in named if now <= moment < _NEVER)
    for moment, following in pairwise([*moments, _NEVER]):
        between = moment + min(_SECOND, (following - moment) / 2)
        yield from ((moment, tried) for tried in (moment, between) if tried > subject.read_at)


def _named(text: str) -> Iterator[datetime]:
    policy = parsed(text)
    for statement in policy.statements if isinstance(policy, Policy) else ():
        for condition in statement.conditions:
            moments = map(moment_of, condition.values) if condition.folded_key in TIME_KEYS else ()
            yield from (moment for moment in moments if moment)
