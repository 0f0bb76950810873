# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run an enforcement: read, judge, plan, apply, and report the outcome."""

from __future__ import annotations

from ._backup_file import checked_path
from ._ending import end
from ._enforce import enforce
from ._task import Run, Task
