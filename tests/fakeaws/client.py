# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start, drive and stop a fake AWS from a test: standard library only.

with FakeAws.start("healthy") as aws:
    subprocess.run([...], env=aws.environment)
    assert all(call["kind"] == "read" for call in aws.calls())
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

from tests import PATIENCE

_ROOT = Path(__file__).resolve().parents[2]


class FakeAws:
    """A fake AWS server; the one who started it stops it."""

    def __init__(self, endpoint: str, process: subprocess.Popen[str] | None = None) -> None:
        self.endpoint = endpoint
        self._process = process
        self.scenario: dict[str, Any] = self._control("GET", "scenario")

    @classmethod
    def start(cls, scenario: str, *options: str, latency_ms: float = 0) -> FakeAws:
        """Start a server with a scenario (its name, or the path of a file); RuntimeError if it does not come up.

        `options` are those of `python -m tests.fakeaws`, such as `--regions`.
        """
        asked = ["--scenario", scenario, "--latency-ms", str(latency_ms), *options]
        command = [sys.executable, "-m", "tests.fakeaws", *asked]
        # A file, not a pipe: nobody reads the errors of a server that runs well, and a full pipe would block it.
        with TemporaryFile("w+", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            return cls(_endpoint(process, errors), process)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this process without any AWS_*, and with all that leads to the fake AWS alone."""
        return environment(self.endpoint, self.scenario["region"], self.credentials(self.scenario["account"]))

    def credentials(self, account_id: str) -> dict[str, str]:
        """The environment variables that speak for an account's administrator."""
        keys = self.scenario["credentials"][account_id]
        return {"AWS_ACCESS_KEY_ID": keys["access_key"], "AWS_SECRET_ACCESS_KEY": keys["secret_key"]}

    def secrets(self) -> list[str]:
        """The secret keys and session tokens of everybody, those of assumed roles among them."""
        return cast("list[str]", self._control("GET", "secrets"))

    def calls(self) -> list[dict[str, Any]]:
        """Every AWS call since the start, the last reset or the last `clear_calls`."""
        return cast("list[dict[str, Any]]", self._control("GET", "calls"))

    def clear_calls(self) -> None:
        """Empty the call log."""
        self._control("DELETE", "calls")

    def add_fault(self, action: str, **fault: Any) -> None:
        """Let the nth call of an action such as `kms:GetKeyPolicy` go wrong; `switches.Fault` has the words."""
        self._control("POST", "faults", {"action": action, **fault})

    def clear_faults(self) -> None:
        """Let everything go right again."""
        self._control("DELETE", "faults")

    def set(self, **switches: float) -> None:
        """Set a switch by its name; README.md lists them."""
        self._control("POST", "switches", switches)

    def reset(self, scenario: str) -> None:
        """Another scenario in the same server; the call log is emptied and faults are gone, latency stays."""
        self.scenario = self._control("POST", "reset", {"scenario": scenario})

    def expire_sessions(self) -> None:
        """Let all temporary credentials be expired."""
        self._control("POST", "expire")

    def stop(self) -> None:
        """End the server, if this object started it."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)
        self._process = None

    def __enter__(self) -> FakeAws:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _control(self, method: str, path: str, body: object = None) -> Any:
        status, answer = _http(self.endpoint, method, f"/_fakeaws/{path}", body)
        if status != 200:
            raise ValueError(answer["error"])
        return answer


class ReplayedAws:
    """A server that answers the reads of any number of accounts after the model of one; see replay.py."""

    def __init__(self, scenario: str, *options: str) -> None:
        """Start it; RuntimeError if it does not come up."""
        command = [sys.executable, "-m", "tests.fakeaws.replay", "--scenario", scenario, *options]
        with TemporaryFile("w+", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
            self.endpoint = _endpoint(self._process, errors)

    def environment(self, region: str, caller: str) -> dict[str, str]:
        """As that of a FakeAws; `caller` is the account whose administrator asks."""
        keys = {"AWS_ACCESS_KEY_ID": f"AKIA{caller}ADMN", "AWS_SECRET_ACCESS_KEY": "not-checked-here"}
        return environment(self.endpoint, region, keys)

    def counts(self) -> dict[str, int]:
        """How often each operation was answered, `throttled NAME` or `denied NAME`, since the start."""
        return cast("dict[str, int]", _http(self.endpoint, "GET", "/_replay/counts")[1])

    def __enter__(self) -> ReplayedAws:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=PATIENCE)


def _http(endpoint: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """The status and the JSON of an answer that is not AWS's."""
    place = urlsplit(endpoint)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body))
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def environment(endpoint: str, region: str, credentials: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without any AWS_*, and with all that leads to the fake AWS alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        **credentials,
        # boto3 itself reads AWS_DEFAULT_REGION only.
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _endpoint(process: subprocess.Popen[str], errors: TextIO) -> str:
    """The URL that the server prints when it listens."""
    assert process.stdout is not None
    ready = select.select([process.stdout], [], [], PATIENCE)[0]
    line = process.stdout.readline() if ready else ""
    prefix, _space, url = line.strip().rpartition(" ")
    if prefix == "listening on":
        return url
    process.kill()
    process.communicate()
    errors.seek(0)
    raise RuntimeError(f"the fake AWS did not start: {errors.read().strip() or 'no answer'}")
