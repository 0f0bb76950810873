# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judge a snapshot: one function a rule, one finding for each rule and trail, verdicts rolled up."""

from __future__ import annotations

from ._assess import (
    AccountVerdict,
    TrailVerdict,
    addressed,
    assess,
    budget_of,
    literal_verdict,
    roll_up,
    subject_of,
    trail_verdict,
    unused_exceptions,
)
from ._bucket_rule import bucket_policy_accepts_key, closed_spare_folder, is_closed_without_key
from ._digests import digest_folders
from ._evidence import Evidence, ReaderEvidence
from ._further_reads import calls_of_readers, keys_needing_second_policy
from ._key_rules import TAG, USABLE_STATES, is_approved
from ._older_logs import commands_for, is_plain
from ._own_side import ABSENT
from ._proof import log_folders
from ._reader_rule import may_read
from ._rules import RULES, Remedy
from ._subject import Result, Settings, TrailException, role_of_key_owner
