# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enforce what chance makes: python -m tests.random [accounts|organizations] [NUMBER] [SEED].

The seed is printed. Each depends on the seed and its number alone: `7-7` for NUMBER tries the seventh alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import SystemRandom

import pytest

from tests.fakeaws.client import FakeAws
from tests.random.accounts import Case, make_case
from tests.random.organization_trial import OrganizationTrial
from tests.random.organizations import make_organization
from tests.random.trial import Trial
from tests.unit.enforce.lab import Clock, Lab, no_waiting

NUMBER = "300"
# Of one server, which takes as long to start as some of these to try.
AT_ONCE = 15


@dataclass(frozen=True)
class Kind:
    """What chance makes, and what is asked of it."""

    make: Callable[[str], Case]
    trial: Callable[[Lab, Case, Path], Trial | OrganizationTrial]


KINDS = {"accounts": Kind(make_case, Trial), "organizations": Kind(make_organization, OrganizationTrial)}


@dataclass(frozen=True)
class Result:
    """What became of one, and what does not hold of it."""

    case: Case
    did: str
    failures: list[str]

    def told(self, kind: str) -> str:
        """How to try it again, what it is, and what does not hold."""
        seed, _dash, number = self.case.name.rpartition("-")
        again = f".venv/bin/python -I tools/isolated.py python -m tests.random {kind} {number}-{number} {seed}"
        return "\n".join([again, f"options: {json.dumps(self.case.options)}", self.case.text, *self.failures, ""])


def tried(kind: str, names: list[str]) -> list[Result]:
    """What comes of those of these names."""
    clock, results = Clock(), []
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        no_waiting(patched, clock)
        with FakeAws.start("healthy") as aws:
            for name in names:
                place = Path(folder) / name
                place.mkdir()
                trial = KINDS[kind].trial(Lab(aws, clock), KINDS[kind].make(name), place)
                failures = list(trial.failures())
                results.append(Result(trial.case, trial.did, failures))
    return results


def main(arguments: list[str]) -> int:
    """Try them, on all processors; the exit code is 1 where something does not hold of one."""
    kind = arguments.pop(0) if arguments[:1] and arguments[0] in KINDS else "accounts"
    wanted, seed = [*arguments, NUMBER, ""][0], [*arguments[1:], str(SystemRandom().randrange(2**32))][0]
    first, _dash, last = wanted.rpartition("-")
    names = [f"{seed}-{number}" for number in range(int(first or 1), int(last) + 1)]
    print(f"{len(names)} {kind} of the seed {seed}", flush=True)
    did: Counter[str] = Counter()
    failed, began = 0, time.monotonic()
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(names))) as pool:
        batches = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
        for results in pool.map(partial(tried, kind), batches):
            did.update(result.did for result in results)
            failed += sum(bool(result.failures) for result in results)
            print(*(result.told(kind) for result in results if result.failures), sep="\n", end="", flush=True)
    parts = ", ".join(f"{number} {what}" for what, number in sorted(did.items()))
    print(
        f"{len(names) - failed} of {len(names)} {kind} stood ({parts}); {time.monotonic() - began:.0f} s, seed {seed}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
