# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How hard the properties are tried: `HYPOTHESIS_PROFILE=thorough` takes half an hour, with new examples each time.

`wide` is that of `make test-properties`, `brief` that of mutation testing, which runs them a thousand times over. None
has a deadline: how long an example takes tells of the machine.
"""

from __future__ import annotations

import os

from hypothesis import settings


def load_profile() -> None:
    """Take the profile that the environment names, for every test of this run."""
    settings.register_profile("quick", max_examples=40, deadline=None, derandomize=True, database=None)
    settings.register_profile("wide", parent=settings.get_profile("quick"), max_examples=400)
    settings.register_profile("brief", parent=settings.get_profile("quick"), max_examples=15)
    settings.register_profile("thorough", max_examples=5000, deadline=None, database=None)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
