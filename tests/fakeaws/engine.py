# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request through the fake AWS: parse, fault, latency, rule or moto, log, reply."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tests.fakeaws import dispatch, moto_app, scenario, wire
from tests.fakeaws.access import iam_action
from tests.fakeaws.errors import AwsError
from tests.fakeaws.rules.delivery import settle
from tests.fakeaws.rules.history import record_write
from tests.fakeaws.switches import Fault, Switches
from tests.fakeaws.wire import Answer, Call, HttpReply, HttpRequest
from tests.fakeaws.world import DEFAULT_REGIONS, Identity, World


class ConnectionLostError(Exception):
    """The client gets no reply: the server closes the connection."""


class Engine:
    """The fake AWS without its HTTP server. Calls are answered one at a time, waiting is done aside."""

    def __init__(self, scenario_name: str, switches: Switches, regions: Sequence[str] = DEFAULT_REGIONS) -> None:
        self.switches = switches
        self._regions = regions
        self._lock = threading.Lock()
        self.world: World = scenario.load(scenario_name, regions)

    def reset(self, scenario_name: str) -> None:
        """Another scenario, an empty call log, no faults."""
        with self._lock:
            self.world = scenario.load(scenario_name, self._regions)
        self.switches.clear()

    def handle(self, request: HttpRequest) -> HttpReply:
        """Answer one AWS request; ConnectionLostError if a fault swallows the reply."""
        try:
            call = wire.parse(request)
        except AwsError as error:
            return wire.error_reply("unknown", request.method, error)
        identity = self._identity(call)
        fault = self.switches.fault_for(call, identity.account if identity else "")
        time.sleep((self.switches.latency_ms + (fault.delay_ms if fault else 0)) / 1000)
        if fault and fault.drop:
            self.switches.record(call, identity, iam_action(call), "ConnectionDropped")
            raise ConnectionLostError
        reply, result = self._answer(call, fault)
        lost = fault is not None and fault.lose_reply
        self.switches.record(call, identity, iam_action(call), "ReplyLost" if lost and result == "ok" else result)
        if lost:
            raise ConnectionLostError
        return reply

    def _identity(self, call: Call) -> Identity | None:
        credentials = self.world.credentials.get(call.access_key)
        return credentials.identity if credentials else None

    def _answer(self, call: Call, fault: Fault | None) -> tuple[HttpReply, str]:
        if fault and fault.code:
            refused = AwsError(fault.code, fault.message, status=fault.status)
            return wire.error_reply(call.service, call.request.method, refused), refused.code
        try:
            with self._lock:
                return self._work(call), "ok"
        except AwsError as error:
            self._record(call, error.code)
            return wire.error_reply(call.service, call.request.method, error), error.code

    def _work(self, call: Call) -> HttpReply:
        identity = dispatch.identify(self.world, call)
        answer = dispatch.answer(self.world, identity, call)
        if call.kind == "write":
            self._record(call, answer=None if isinstance(answer, HttpReply) else answer)
        if answer is None:
            return moto_app.answer(identity, call)
        if call.kind == "write":
            settle(self.world)
        return wire.reply(call, answer)

    def _record(self, call: Call, error: str | None = None, answer: Answer | None = None) -> None:
        identity = self._identity(call)
        if identity and call.kind == "write":
            record_write(self.world, identity, call, error, answer)
