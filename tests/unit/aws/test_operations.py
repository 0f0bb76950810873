# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each write has its row, in the order of the type, and a way to see that it is done."""

from __future__ import annotations

from typing import get_args

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._writes import IS_DONE
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._operations import WRITES, Operation


def test_every_operation_has_its_row() -> None:
    assert tuple(WRITES) == get_args(Operation)


def test_every_operation_but_the_creation_of_a_key_shows_whether_it_is_done() -> None:
    sent = {operation for operation, write in WRITES.items() if not write.is_sent_by_role}
    assert sent - IS_DONE.keys() == {"CreateKey"}
