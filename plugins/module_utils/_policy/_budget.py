# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much work one question about policies may take: lists that multiply each other must not stall an audit.

Work is counted in steps before it is done. A step is one statement, one condition, or one pattern to match. It takes
about a microsecond, and is the same on every machine.
"""

from __future__ import annotations

# What one finding may take. The policies that AWS recommends take some hundred steps, the longest that KMS takes
# (KMS API reference, PutKeyPolicy: 32 KB) some thousand for each call that is judged.
STEPS = 1_000_000
# What each call may take where a user's own lists say how many there are: trails that share a key, readers.
STEPS_OF_A_CALL = 20_000
# A request is prepared, and answered where no statement speaks of its principal.
STEPS_OF_A_REQUEST = 10
# A variable is filled, and the text compiled, anew for each request.
STEPS_OF_A_VARIABLE = 50
# A step is as long as it takes to compare so many characters of a pattern with those of a name.
CHARACTERS = 2_000


class Budget:
    """The steps that are left for one question, however many calls that takes. A budget that is used up stays so."""

    __slots__ = ("_left",)

    def __init__(self, steps: int | None = None) -> None:
        self._left = STEPS if steps is None else steps

    @classmethod
    def of(cls, calls: int) -> Budget:
        """A budget for as many calls as there are entries in the lists of the user."""
        return cls(max(STEPS, STEPS_OF_A_CALL * calls))

    @property
    def is_exhausted(self) -> bool:
        """Whether more steps were requested than were left."""
        return self._left < 0

    def spend(self, steps: int) -> bool:
        """Take steps before doing the work. Return whether there were enough."""
        self._left -= steps
        return self._left >= 0
