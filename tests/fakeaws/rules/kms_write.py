# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CloudTrail, the writing side: what UpdateTrail and CreateTrail validate before they do anything."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakeaws.rules.operation import Operation

OPERATIONS: Mapping[str, Operation] = {}
