# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _model
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _key_changes


@dataclass(frozen=True)
class Plan:
    """The changes in the order in which they are applied; with a refusal none of them is.

    `predicted` is the account as it will be once they are. `uses` has the keys that trails use or are to use, by ARN.
    """

    changes: tuple[_model.Change, ...]
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    predicted: _model.Snapshot
    uses: Mapping[str, _key_changes.KeyUse] = field(default_factory=dict, compare=False)
