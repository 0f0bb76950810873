# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The templates that playbooks/awx/configure.yml makes on a stub of AWX, once for all tests that look at them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.awx.configured import ALL, configure, playbooks
from tests.awx.stub import AwxStub


@pytest.fixture(scope="session")
def awx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwxStub]:
    with AwxStub(playbooks()) as stub:
        configure(stub, tmp_path_factory.mktemp("awx"), ALL)
        yield stub
