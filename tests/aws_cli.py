# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AWS CLI, to look at AWS with what is not ours.

It is kept running in a process of its own: starting it costs two seconds, a command then less than a tenth of one; and
it brings its own botocore, under the name of the one that the collection uses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any

from tests import PATIENCE
from tests.fakeaws.client import FakeAws, environment

_ROOT = Path(__file__).resolve().parents[1]


class AwsCli:
    """A running AWS CLI, for the administrators of all accounts."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.aws_cli"]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __call__(self, aws: FakeAws, account: str, region: str, *arguments: str) -> dict[str, Any]:
        """What `aws ARGUMENTS --region REGION` answers to the administrator of an account."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        given = environment(aws.endpoint, region, aws.credentials(account))
        request = {
            "environment": {name: value for name, value in given.items() if name.startswith("AWS_")},
            "arguments": [*arguments, "--region", region, "--output", "json"],
        }
        print(json.dumps(request), file=self._process.stdin, flush=True)
        code, told, errors = json.loads(self._process.stdout.readline())
        assert code == 0, f"aws {' '.join(arguments)}: {errors}"
        answer: dict[str, Any] = json.loads(told)
        return answer

    def __enter__(self) -> AwsCli:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=PATIENCE)


def _serve() -> None:
    """Answer a request a line: the exit code, what was printed, and the errors."""
    drivers: dict[str, Any] = {}
    clidriver = import_module("awscli.clidriver")
    for line in sys.stdin:
        request = json.loads(line)
        os.environ.update(request["environment"])
        asker = os.environ["AWS_ACCESS_KEY_ID"] + os.environ["AWS_ENDPOINT_URL"]
        if asker not in drivers:  # A driver keeps the credentials that it has found.
            drivers[asker] = clidriver.create_clidriver()
        told, errors = StringIO(), StringIO()
        with redirect_stdout(told), redirect_stderr(errors):
            try:
                code = drivers[asker].main(request["arguments"])
            except SystemExit as end:
                code = end.code
        print(json.dumps([code, told.getvalue(), errors.getvalue()]), flush=True)


if __name__ == "__main__":
    _serve()
