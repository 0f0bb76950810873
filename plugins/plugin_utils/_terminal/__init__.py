# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person sees while a playbook runs: tables, messages, progress."""

from __future__ import annotations

from ._closing import closing_lines
from ._in_role import audit_by_variables, result_by_variables
from ._screen import Screen, display, progress
from ._shield import shielded
from ._tables import table_of
