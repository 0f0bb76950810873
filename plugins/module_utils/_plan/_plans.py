# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._model import Change, Refusal, Snapshot
from ._key_plan import KeyPlan


@dataclass(frozen=True)
class Plan:
    """The changes in the order in which they are applied; with a refusal none of them is.

    `predicted` is the account as it will be once they are. `key_plans` has, by ARN, the keys that trails use or are to
    use.
    """

    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]
    warnings: tuple[str, ...]
    predicted: Snapshot
    key_plans: Mapping[str, KeyPlan] = field(default_factory=dict, compare=False)
