# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control endpoints under /_fakeaws/: how a test in another process works the switches."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakeaws.engine import Engine
from tests.fakeaws.switches import Fault
from tests.fakeaws.wire import HttpReply

Body = Mapping[str, Any]


class Control:
    """One method for each endpoint; every answer is JSON, an unusable request is 400 with a message."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._endpoints: Mapping[tuple[str, str], Callable[[Body], object]] = {
            ("GET", "scenario"): self._scenario,
            ("GET", "secrets"): self._secrets,
            ("GET", "calls"): self._calls,
            ("DELETE", "calls"): self._clear_calls,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "switches"): self._set_switches,
            ("POST", "reset"): self._reset,
            ("POST", "expire"): self._expire,
        }

    def handle(self, method: str, path: str, body: bytes) -> HttpReply:
        """Serve one control request."""
        endpoint = self._endpoints.get((method, path))
        if endpoint is None:
            return _json(404, {"error": f"no control endpoint {method} /_fakeaws/{path}"})
        try:
            return _json(200, endpoint(json.loads(body or b"{}")))
        except (ValueError, TypeError, KeyError) as error:
            return _json(400, {"error": str(error)})

    def _scenario(self, _body: Body) -> object:
        """What a client needs to speak for the scenario's accounts."""
        world = self._engine.world
        keys = {
            account_id: {"access_key": credentials.access_key, "secret_key": credentials.secret_key}
            for account_id in world.accounts
            for credentials in [world.administrator(account_id)]
        }
        main = world.main_account.id
        described = {"name": world.name, "description": world.description, "region": world.region}
        return {**described, "account": main, "credentials": keys, "roles": sorted(world.roles)}

    def _secrets(self, _body: Body) -> object:
        """All that must not be told: the secret keys and session tokens of everybody, sessions among them."""
        credentials = self._engine.world.credentials.values()
        found = {text for each in credentials for text in (each.secret_key, each.token) if text}
        return sorted(found)

    def _calls(self, _body: Body) -> object:
        return list(self._engine.switches.calls)

    def _clear_calls(self, _body: Body) -> object:
        self._engine.switches.calls.clear()
        return {}

    def _add_fault(self, body: Body) -> object:
        self._engine.switches.faults.append(Fault(**body))
        return {}

    def _clear_faults(self, _body: Body) -> object:
        self._engine.switches.faults.clear()
        return {}

    def _set_switches(self, body: Body) -> object:
        """`latency_ms` is the server's, the others are the scenario's: four numbers, three that are on or off."""
        for name, value in body.items():
            if name == "latency_ms":
                self._engine.switches.latency_ms = float(value)
            elif name in ("propagation_delay", "delivery_interval", "event_lag", "lookups_per_second"):
                setattr(self._engine.world, name, float(value))
            elif name in ("digests_under_key", "own_folder_needed", "describe_key_needed"):
                setattr(self._engine.world, name, bool(value))
            else:
                known = "latency_ms, propagation_delay, delivery_interval, event_lag, lookups_per_second, "
                known += "digests_under_key, own_folder_needed, describe_key_needed"
                raise ValueError(f"no switch {name!r}; there are: {known}")
        return {}

    def _reset(self, body: Body) -> object:
        self._engine.reset(body["scenario"])
        return self._scenario(body)

    def _expire(self, _body: Body) -> object:
        self._engine.world.expire_sessions()
        return {}


def _json(status: int, answer: object) -> HttpReply:
    return HttpReply(status=status, headers={"content-type": "application/json"}, body=json.dumps(answer).encode())
