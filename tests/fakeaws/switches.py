# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test can turn on a running fake AWS: latency, faults, and the log of every call."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakeaws.wire import Call
from tests.fakeaws.world import Identity

_TIMES_FOREVER = -1
# How the collection's own clients show in the header User-Agent, whoever else calls in a test.
_OURS = "aws_baseline.cloudtrail/"


@dataclass(kw_only=True)
class Fault:
    """Something that goes wrong with the nth call of an action, and the `times - 1` calls after it.

    `code` with `status` answers an error instead of doing the work; `delay_ms` waits first;
    `drop` closes the connection before the work, `lose_reply` after it. `times: -1` is for ever.
    `account` is that of who calls, and `role` the ARN of a role that is assumed: only such calls count.
    """

    action: str
    nth: int = 1
    times: int = 1
    code: str | None = None
    message: str = "A fault that the test asked for."
    status: int = 400
    delay_ms: float = 0
    drop: bool = False
    lose_reply: bool = False
    region: str | None = None
    account: str | None = None
    role: str | None = None
    seen: int = 0

    def strikes(self, call: Call, account: str) -> bool:
        """Count the call if it is one of the fault's, and tell whether this one is hit."""
        if self.action not in (call.name, f"{call.service}:*", "*"):
            return False
        if self.region not in (None, call.region) or self.account not in (None, account):
            return False
        if self.role not in (None, call.parameters.get("RoleArn")):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == _TIMES_FOREVER or self.seen < self.nth + self.times)


@dataclass
class Switches:
    """The switches of one server; all of it is guarded by one lock."""

    latency_ms: float = 0.0
    log_file: Path | None = None
    record_folder: Path | None = None
    recorded: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_for(self, call: Call, account: str) -> Fault | None:
        """The first fault that strikes this call."""
        with self.lock:
            struck = [fault for fault in self.faults if fault.strikes(call, account)]
        return struck[0] if struck else None

    def record(self, call: Call, identity: Identity | None, iam_action: str, result: str) -> None:
        """Log a call: `result` is `ok` or the error code."""
        entry = {
            "account": identity.account if identity else None,
            "principal": identity.arn if identity else None,
            "region": call.region,
            "service": call.service,
            "action": call.action,
            "iam_action": iam_action,
            "kind": call.kind,
            "parameters": dict(call.parameters),
            "result": result,
        }
        with self.lock:
            self.calls.append(entry)
            if self.log_file:
                with self.log_file.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(entry) + "\n")
            if self.record_folder and _OURS in call.request.headers.get("user-agent", ""):
                self._note(self.record_folder, f"{call.name} {iam_action}")

    def _note(self, folder: Path, kind: str) -> None:
        """Write down, once for this process, that the collection makes calls of this kind."""
        if kind not in self.recorded:
            self.recorded.add(kind)
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / f"{os.getpid()}.txt").open("a", encoding="utf-8") as file:
                file.write(f"{kind}\n")

    def clear(self) -> None:
        """Forget calls and faults; latency and log file stay."""
        with self.lock:
            self.calls.clear()
            self.faults.clear()
