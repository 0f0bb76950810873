# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fake AWS for all that the collection's own code asks (whoever asks loads a scenario first), and one profile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible.plugins.loader import init_plugin_loader

from tests.fakeaws.client import FakeAws
from tests.unit.profiles import load_profile

load_profile()

# Those in which the scenarios have anything; every audit makes a call in each.
REGIONS = ("ap-southeast-2", "eu-central-1", "eu-west-1", "us-east-1", "us-west-2")

# So that tests can ask Ansible's own loader for plugins. It has to come before the collection is imported.
init_plugin_loader()


@pytest.fixture(scope="session")
def server() -> Iterator[FakeAws]:
    with FakeAws.start("healthy", "--regions", ",".join(REGIONS)) as aws:
        yield aws
