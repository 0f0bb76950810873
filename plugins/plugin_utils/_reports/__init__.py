# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reports of an audit: their formats, their files, and one report joined of many."""

from __future__ import annotations

from ._compared import accounts_with_new, change_rows
from ._coverage import narrowings
from ._destination import passing_directory, refuse_one_place, unkept
from ._formats import CIS_VERSIONS, DEFAULT_CIS_VERSION, FORMATS
from ._html_changes import field_value
from ._joined import JoinError, accounts_of, age, fail_without, joined_reports, left_out, unchecked
from ._notes import Note, Tone, account_notes, finding_notes
from ._previous import Previous, objects_of, previous_of, to_fetch
from ._publish import publish
from ._reserved import ReservedError, folders, places, reserved
from ._verdicts import WITH_KEY, is_excepted, proofs, still_failing, verdict_words
