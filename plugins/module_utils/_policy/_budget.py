# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much work the policies of an account may take: lists that multiply each other must not stall an audit.

Work is counted in steps before it is done. A step is one statement, one condition, or one pattern to match. It takes
about a microsecond, and is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable

# What one finding may take. The policies that AWS recommends take some hundred steps, the longest that KMS takes
# (KMS API reference, PutKeyPolicy: 32 KB) some thousand for each call that is judged.
STEPS = 1_000_000
# What all findings of an account may take together: twenty as long as any. Where nothing multiplies a trail takes some
# thousand, and an account has a few trails for each Region (CloudTrail guide, "Quotas in AWS CloudTrail").
FINDINGS_OF_AN_ACCOUNT = 20
# What each call may take where a user's own lists say how many there are: trails that share a key, readers.
STEPS_OF_A_CALL = 20_000
# A policy is read, and its patterns are compiled, once for an account.
STEPS_OF_A_CHARACTER = 20
# A request is prepared, and answered where no statement speaks of its principal.
STEPS_OF_A_REQUEST = 10
# A variable is filled, and the text compiled, anew for each request.
STEPS_OF_A_VARIABLE = 50
# A step is as long as it takes to compare so many characters of a pattern with those of a name.
CHARACTERS = 2_000


class Budget:
    """The steps that are left for one question, however many calls that takes. A budget that is used up stays so.

    The budget of a finding takes its steps from that of the account as well, if there is one.
    """

    __slots__ = ("_account", "_left", "is_used")

    def __init__(self, steps: int | None = None, account: Budget | None = None) -> None:
        self._left, self._account = STEPS if steps is None else steps, account
        # Whether any steps were requested. A finding that requests none asks no policy.
        self.is_used = False

    @classmethod
    def of(cls, calls: int, account: Budget | None = None) -> Budget:
        """The budget of a finding, for as many calls as there are entries in the lists of the user."""
        return cls(max(STEPS, STEPS_OF_A_CALL * calls), account)

    @classmethod
    def of_account(cls, calls: int, policies: Iterable[str]) -> Budget:
        """The budget of all findings of an account, without what it takes to read its policies."""
        budget = cls(FINDINGS_OF_AN_ACCOUNT * max(STEPS, STEPS_OF_A_CALL * calls))
        budget.spend(STEPS_OF_A_CHARACTER * sum(map(len, policies)))
        return budget

    @property
    def is_exhausted(self) -> bool:
        """Whether more steps were requested than were left."""
        return self._left < 0 or self.is_of_account

    @property
    def is_of_account(self) -> bool:
        """Whether it is the budget of the account that is used up."""
        return self._account is not None and self._account.is_exhausted

    def spend(self, steps: int) -> bool:
        """Take steps before doing the work. Return whether there were enough."""
        self._left -= steps
        self.is_used = True
        return self._left >= 0 and (self._account is None or self._account.spend(steps))
