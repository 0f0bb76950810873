# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls without a rule of their own: moto answers them, from the same resources."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.fakeaws.wire import Call, HttpReply
from tests.fakeaws.world import Identity


def answer(identity: Identity, call: Call) -> HttpReply:
    """Pass the request to moto's own application, as a call of the identity's account."""
    _register(identity.account, call.access_key)
    request = call.request
    path, _mark, query = request.target.partition("?")
    environ = EnvironBuilder(
        path=path, query_string=query, method=request.method, headers=list(request.headers.items()), data=request.body
    ).get_environ()
    body, status, headers = run_wsgi_app(_application(), environ, buffered=True)
    return HttpReply(status=int(status.split()[0]), headers=dict(headers.items()), body=b"".join(body))


def _register(account_id: str, access_key: str) -> None:
    """moto finds the account by the access key, in its own IAM."""
    backends = import_module("moto.iam.models").iam_backends
    backends[account_id]["aws"].access_keys.setdefault(access_key, SimpleNamespace(role_arn=None))


@cache
def _application() -> Any:
    # moto lets every account at every bucket unless it is told not to.
    os.environ["MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS"] = "false"
    # Imported late: moto's application takes half a second to import, and few calls need it.
    moto = import_module("moto.moto_server.werkzeug_app")
    return moto.DomainDispatcherApplication(moto.create_backend_app)
