# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the dispatcher knows of an operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.fakeaws.wire import Answer, Call, HttpReply
from tests.fakeaws.world import Identity, World

Handler: TypeAlias = Callable[[World, Identity, Call], Answer | HttpReply]
Resource: TypeAlias = Callable[[World, Identity, Call], str | None]


def no_resource(_world: World, _identity: Identity, _call: Call) -> str | None:
    """The action has no resource type: its refusal names none."""
    return None


def any_resource(_world: World, _identity: Identity, _call: Call) -> str | None:
    """The refusal names all resources."""
    return "*"


@dataclass(frozen=True)
class Operation:
    """`resource` gives what a refusal names; None: the handler weighs identity and resource policy itself."""

    handler: Handler
    resource: Resource | None = no_resource
