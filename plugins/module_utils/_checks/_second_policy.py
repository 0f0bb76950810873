# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys to ask for their second policy, which RAM makes for a key that is shared through it."""

from __future__ import annotations

from dataclasses import replace

from .._model import Finding, Key, Level, Snapshot
from ._assess import assess
from ._rules import RULES
from ._subject import Settings

# What the first policy refuses the second may allow, and whom the first keeps out the second may let in.
_OF_WHO_IS_LET_IN = (
    "key_policy_allows_encrypt",
    "key_policy_allows_describe",
    "key_policy_allows_decrypt",
    "readers_can_decrypt",
)
_OF_WHO_IS_KEPT_OUT = "key_policy_is_scoped"


def keys_in_doubt(settings: Settings, snapshot: Snapshot) -> frozenset[str]:
    """The keys whose second policy could change a verdict on an account that was read."""
    owners = {each: _of_second_policy(their) for each, their in settings.of_owners.items()}
    judged = assess(snapshot, replace(_of_second_policy(settings), of_owners=owners))
    found = (each.trail.kms_key_arn or "" for each in judged.trails if any(map(_hangs_on_it, each.findings)))
    keys = [key for arn in found if isinstance(key := snapshot.keys.get(arn), Key)]
    return frozenset(key.arn for key in keys if key.manager == "CUSTOMER" and isinstance(key.policy, str))


def _of_second_policy(settings: Settings) -> Settings:
    """The settings with those rules alone that a second policy could change, and without exceptions."""
    names = (*_OF_WHO_IS_LET_IN, _OF_WHO_IS_KEPT_OUT)
    levels: dict[str, Level] = {name: settings.levels.get(name, rule.level) for name, rule in RULES.items()}
    asked: dict[str, Level] = {
        name: "required" if name in names and level == "required" else "off" for name, level in levels.items()
    }
    return replace(settings, levels=asked, exceptions=())


def _hangs_on_it(finding: Finding) -> bool:
    if finding.level != "required":
        return False
    if finding.rule == _OF_WHO_IS_KEPT_OUT:
        return finding.status != "fail"
    return finding.status == "fail" and not finding.is_denied
