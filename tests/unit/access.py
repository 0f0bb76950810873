# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's own way to the fake AWS, in this process."""

from __future__ import annotations

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, Clients, connect
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._snapshot import open_and_read
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.fakeaws.client import FakeAws

# By endpoint. Making the clients of a run takes longer than all its calls; a sweep shares them among accounts as well.
_CLIENTS: dict[str, Clients] = {}


def caller(aws: FakeAws, account_id: str | None = None) -> Access:
    """The access of an account's administrator, by default of the scenario's first account."""
    keys = aws.credentials(account_id or aws.scenario["account"])
    connection = {
        "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
    }
    access = connect(aws.scenario["region"], aws.endpoint, connection, 16)
    access.clients = _CLIENTS.setdefault(aws.endpoint, access.clients)
    return access


def read_account(access: Access, scope: Scope) -> Snapshot:
    """The account of the access, or of the role in scope."""
    return open_and_read(access, scope)[1]
