# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast the key-policy engine decides and merges, on one core.

Usage: python -m benchmarks.policy. Prints decisions per second for the policy that AWS recommends and for ever
longer ones, the time of merging at the size limit of KMS, and how many accounts' trails fit into it. Fails when the
recommended policy is decided less than 20,000 times a second, or when the time grows faster than the statements do.
"""

from __future__ import annotations

import statistics
import sys
import time
import timeit
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import (
    MAX_BYTES,
    MergeRefusedError,
    Policy,
    Request,
    Required,
    decide,
    merge,
    new_key_policy,
    parse,
    reader_request,
    service_request,
)

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TRAIL = "arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events"
READER = "arn:aws:iam::111122223333:role/reader"
SERVICE = {"Service": "cloudtrail.amazonaws.com"}
ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey")
CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"

REQUIRED_PER_SECOND = 20_000
# As many times the statements may take this many times as long as linear growth would; the rest is noise.
NOISE = 1.5
RUNS = 7
Form: TypeAlias = Literal["strict", "cis"]
FORMS: tuple[Form, ...] = ("strict", "cis")


def main() -> int:
    """Print the tables; the exit code tells whether the promises hold."""
    recommended = _recommended()
    print(f"Recommended policy, {len(recommended.statements)} statements, medians of {RUNS} runs on one core")
    calls = {f"CloudTrail {action}": service_request(action, trail_arn=TRAIL, key_arn=KEY) for action in ACTIONS}
    calls["reader kms:Decrypt"] = _reader(READER)
    calls["stranger kms:Decrypt (denied)"] = _reader("arn:aws:iam::999999999999:role/stranger")
    slowest = min(_row(name, recommended, call) for name, call in calls.items())
    linear = _growth()
    _merging()
    kept = slowest >= REQUIRED_PER_SECOND and linear
    print(
        f"\n{'kept' if kept else 'BROKEN'}: at least {REQUIRED_PER_SECOND:,} decisions a second, linear in statements"
    )
    return 0 if kept else 1


def _row(name: str, policy: Policy, call: Request) -> float:
    per_second = 1 / _seconds(partial(decide, policy, call), 2000)
    print(f"  {name:<32}{decide(policy, call).outcome.value:<16}{per_second:>9,.0f} decisions/s")
    return per_second


def _growth() -> bool:
    """Whether eight times the statements take about eight times the time, where the last statement decides."""
    print("\nLonger policies, CloudTrail kms:GenerateDataKey")
    call = service_request("kms:GenerateDataKey", trail_arn=TRAIL, key_arn=KEY)
    times = {}
    for count in (25, 50, 100, 200):
        policy = parse(_document(*[_use(f"{TRAIL}-{number}") for number in range(1, count)], _use(TRAIL)))
        times[count] = _seconds(partial(decide, policy, call), 200)
        print(f"  {count:>4} statements {times[count] * 1e6:>9,.0f} microseconds a decision")
    return times[200] <= NOISE * times[25] * 200 / 25


def _merging() -> None:
    print(f"\nMerging up to the {MAX_BYTES:,} bytes that KMS takes, one trail in each account")
    print(f"  {'form':<8}{'accounts':>8}{'bytes':>8}{'parse':>10}{'merge all':>11}{'one more':>10}{'nothing':>9}")
    for form in FORMS:
        count = _capacity(form)
        all_of_them = Required(KEY, _trails(count), form=form)
        full, rest = new_key_policy(all_of_them), new_key_policy(Required(KEY, _trails(count - 1), form=form))
        text = full.to_json()
        times = [
            _seconds(partial(parse, text)),
            _seconds(partial(new_key_policy, all_of_them)),
            _seconds(partial(merge, rest, all_of_them)),
            _seconds(partial(merge, full, all_of_them)),
        ]
        cells = "".join(f"{seconds * 1e3:>7,.0f} ms" for seconds in times)
        print(f"  {form:<8}{count:>8}{len(text):>8,}{cells}")


def _capacity(form: Form) -> int:
    """How many accounts' trails fit, found by halving."""
    fits, too_many = 1, 2000
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        try:
            new_key_policy(Required(KEY, _trails(middle), form=form))
            fits = middle
        except MergeRefusedError:
            too_many = middle
    return fits


def _trails(count: int) -> tuple[str, ...]:
    return tuple(f"arn:aws:cloudtrail:us-east-1:{100_000_000_000 + n}:trail/management-events" for n in range(count))


def _recommended() -> Policy:
    """The statements of "Configure AWS KMS key policies for CloudTrail" beside the default key policy."""
    everything = {"Effect": "Allow", "Resource": "*"}
    source = {"StringEquals": {"aws:SourceArn": TRAIL}}
    readers = {"Null": {CONTEXT: "false"}}
    return parse(
        _document(
            {**everything, "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*"},
            _use(TRAIL),
            {**everything, "Principal": SERVICE, "Action": "kms:DescribeKey", "Condition": source},
            {**everything, "Principal": SERVICE, "Action": "kms:Decrypt"},
            {**everything, "Principal": {"AWS": READER}, "Action": "kms:Decrypt", "Condition": readers},
        )
    )


def _use(trail: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": "kms:GenerateDataKey*",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceArn": trail},
            "StringLike": {CONTEXT: "arn:aws:cloudtrail:*:111122223333:trail/*"},
        },
    }


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _reader(arn: str) -> Request:
    return reader_request(
        arn, trail_arn=TRAIL, key_arn=KEY, object_arn="arn:aws:s3:::b", bucket_region="us-east-1", identity_allows=True
    )


def _seconds(work: Callable[[], object], number: int = 1) -> float:
    """Median CPU seconds of one call, over some runs of `number` calls."""
    return statistics.median(timeit.repeat(work, number=number, repeat=RUNS, timer=time.process_time)) / number


if __name__ == "__main__":
    sys.exit(main())
