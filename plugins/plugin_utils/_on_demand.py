# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only some runs need, imported when they do.

Ansible compiles a collection anew at each run: an audit would wait for the policy engine, which the table of an
enforcement needs, longer than for all else that this machine does for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def on_demand(name: str) -> Any:
    """Return the module of plugin_utils with this name."""
    return import_module(f"{__name__.rpartition('.')[0]}.{name}")
