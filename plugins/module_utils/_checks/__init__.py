# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge a snapshot: one function a rule, one finding for each rule and trail, verdicts rolled up."""

from __future__ import annotations

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._approval import TAG, is_approved
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import (
    AccountVerdict,
    TrailVerdict,
    addressed,
    assess,
    roll_up,
    unused_exceptions,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES, Rule
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import (
    Result,
    Settings,
    TrailException,
)

__all__ = [
    "RULES",
    "TAG",
    "AccountVerdict",
    "Result",
    "Rule",
    "Settings",
    "TrailException",
    "TrailVerdict",
    "addressed",
    "assess",
    "is_approved",
    "roll_up",
    "unused_exceptions",
]
