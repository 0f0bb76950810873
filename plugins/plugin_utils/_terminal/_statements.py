# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of the statements of a policy, in words.

Apart from the other tables, since only this needs the policy engine, which takes longer to load than they do.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...module_utils._policy import Policy, Statement, meaning, parse


def policy_words(before: str | None, after: str) -> str:
    """Return which statements a policy gets, loses, and has in another form, by their labels.

    `before`, None for the policy of what is created, and `after` are JSON texts. In full they stand in the diff.
    Raises PolicyError where one of them is no policy.
    """
    new = parse(after)
    if before is None:
        return _labels(new.statements)
    old = parse(before)
    known = {statement.label for statement in old.statements}
    changed = _missing(new, old)
    added = [statement for statement in changed if statement.label not in known]
    extended = [statement for statement in changed if statement.label in known]
    removed = [each for each in _missing(old, new) if each.label not in {one.label for one in new.statements}]
    parts = {"adds": added, "changes": extended, "removes": removed}
    return "; ".join(f"{verb} {_labels(statements)}" for verb, statements in parts.items() if statements)


def _missing(policy: Policy, elsewhere: Policy) -> list[Statement]:
    """The statements of a policy that another one does not have."""
    known = {meaning(statement.document) for statement in elsewhere.statements}
    return [statement for statement in policy.statements if meaning(statement.document) not in known]


def _labels(statements: Sequence[Statement]) -> str:
    return ", ".join(statement.label for statement in statements)
