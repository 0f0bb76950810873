# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much work a question about policies may be: lists that multiply each other must not stall an audit.

Work is counted in steps, the same on every machine, and before it is done: a step is a statement, a condition, or a
pattern to match, which takes about a microsecond.
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
    """The steps that are left for one question, of however many calls. Once used up it stays so."""

    __slots__ = ("_left",)

    def __init__(self, steps: int | None = None) -> None:
        self._left = STEPS if steps is None else steps

    @classmethod
    def of(cls, calls: int) -> Budget:
        """A budget for as many calls as the user's own lists ask for."""
        return cls(max(STEPS, STEPS_OF_A_CALL * calls))

    @property
    def is_exhausted(self) -> bool:
        """Whether more was asked for than there was."""
        return self._left < 0

    def spend(self, steps: int) -> bool:
        """Take steps, before they are made; whether there were as many."""
        self._left -= steps
        return self._left >= 0
