# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Try every target with new input for its share of the time: python -m tests.fuzz [SECONDS].

What fails is printed at its smallest, with the seed that finds it again, and belongs into the unit tests once fixed.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable
from random import SystemRandom
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

AT_ONCE = 200
_settings = settings(
    max_examples=AT_ONCE, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)


def tried(target: Callable[..., None], strategies: tuple[st.SearchStrategy[Any], ...], seconds: float) -> int | None:
    """How many inputs the target stood; None where one was too much for it."""
    began, number = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        chance = SystemRandom().randrange(2**32)
        try:
            seed(chance)(_settings(given(*strategies)(target)))()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            traceback.print_exc()
            print(f"{target.__name__}: found with seed {chance}", flush=True)
            return None
        number += AT_ONCE
    return number


def main(seconds: float) -> int:
    """Fuzz everything; the exit code is 1 where something was found."""
    logging.disable()  # what is logged of each input says nothing here
    failed = 0
    for target, strategies in TARGETS.items():
        number = tried(target, strategies, seconds / len(TARGETS))
        failed += number is None
        print(f"{target.__name__:<16} {'FAILED' if number is None else f'{number:7} inputs stood'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 300))
