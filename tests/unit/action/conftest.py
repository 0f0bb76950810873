# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests here run without your AWS variables."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_aws() -> None:
    """The last lines name the profile and the region, and say where credentials come from."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        del os.environ[name]
