# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.fakeaws.replay`: the reads of any number of accounts, fast, all after the model of one.

The first read of a kind is answered by the fake AWS itself for the model account, kept, and from then on answered from
memory for every account, with the account's id in place of the model's. So thousands of accounts cost no more than
one, and thousands of calls a second are answered. It is for reads alone: nothing ever changes.

The model is the second account of the scenario; the first is the caller, whose administrator may assume a role of any
name in every account. On request a share of the calls is throttled or denied, by chance that a seed fixes, or all are
throttled that exceed the rates of AWS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from urllib.parse import quote

from tests.fakeaws import wire
from tests.fakeaws.engine import Engine
from tests.fakeaws.errors import AwsError
from tests.fakeaws.switches import Switches
from tests.fakeaws.wire import HttpReply, HttpRequest

COUNTS = b"GET /_replay/counts"
# What a service answers to too many calls, with its status (the "Common errors" pages of the services).
THROTTLED = {
    "s3": ("SlowDown", 503),
    "ec2": ("RequestLimitExceeded", 503),
    "sts": ("Throttling", 400),
    "organizations": ("TooManyRequestsException", 400),
}
# Requests a second that AWS takes for an account and region, and as many at once: of STS for AssumeRole and
# GetCallerIdentity together (IAM guide, "IAM and AWS STS quotas"), of CloudTrail to get, describe and list (CloudTrail
# guide, "Quotas in AWS CloudTrail"), of KMS the least of the rates of the reads here (KMS guide, "Request quotas").
# LookupEvents has a rate of its own (CloudTrail API reference, LookupEvents).
RATES = {"sts": 600, "cloudtrail": 10, "cloudtrail:LookupEvents": 2, "kms": 500}
DENIED = {"ec2": ("UnauthorizedOperation", 403), "s3": ("AccessDenied", 403), "sts": ("AccessDenied", 403)}

_KEY_ID = re.compile(rb"Credential=(?:AKIA(\d{12})ADMN|ASIA(\d{12})REPL)/\d{8}/([^/]+)/([^/]+)/")
_TARGET = re.compile(rb"x-amz-target: *(\S+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ACCOUNT = re.compile(rb"(?<!\d)\d{12}(?!\d)")


class Replay:
    """The answers, and how often each operation was asked."""

    def __init__(self, scenario: str, throttled: float, denied: float, seed: int, rates: Mapping[str, int]) -> None:
        self._engine = Engine(scenario, Switches())
        self._caller, self._model = (account_id.encode() for account_id in list(self._engine.world.accounts)[:2])
        self._kept: dict[tuple[bytes, ...], tuple[str, bytes]] = {}
        self._throttled, self._denied = throttled, denied
        self._chance = random.Random(seed)
        self._rates = rates
        # How many requests may be made at once, and when that was so.
        self._room: dict[tuple[str, bytes, bytes], tuple[float, float]] = {}
        self.counts: Counter[str] = Counter()

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The whole HTTP reply to a request."""
        if head.startswith(COUNTS):
            return _http(HttpReply(body=json.dumps(self.counts).encode()))
        first_line = head.partition(b"\r\n")[0]
        signed = _KEY_ID.search(head)
        if signed is None:
            return _http(HttpReply(status=403, body=b"who asks is not known"))
        account = signed[1] or signed[2]
        subject = next((found for found in _ACCOUNT.findall(body) if found != account), account)
        target = _TARGET.search(head)
        kind = (first_line, target[1] if target else b"", signed[3], signed[4], body)
        model = tuple(part.replace(subject, self._model) for part in kind) if subject != self._caller else kind
        key = (*model, b"" if account == self._caller else b"member")
        if key not in self._kept:
            self._kept[key] = self._ask(head, account, subject, body)
        name, reply = self._kept[key]
        limited = name if name in self._rates else name.partition(":")[0]
        if not self._has_room((limited, account, signed[3])):
            return self._refuse(name, first_line, "throttled")
        chance = self._chance.random()
        if chance < self._throttled + self._denied:
            return self._refuse(name, first_line, "throttled" if chance < self._throttled else "denied")
        self.counts[name] += 1
        return reply.replace(self._model, subject)

    def _has_room(self, whose: tuple[str, bytes, bytes]) -> bool:
        """Whether the rate of the service still has room for a request of the account in the region; it takes that."""
        rate = self._rates.get(whose[0])
        if rate is None:
            return True
        now = time.monotonic()
        room, since = self._room.get(whose, (rate, now))
        room = min(rate, room + (now - since) * rate)
        self._room[whose] = (room - 1 if room >= 1 else room, now)
        return room >= 1

    def _ask(self, head: bytes, account: bytes, subject: bytes, body: bytes) -> tuple[str, bytes]:
        """The fake AWS's own answer about the model account, and the name of the operation."""
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
        asked_by = self._caller if account == self._caller else self._model
        headers["authorization"] = _KEY_ID.sub(
            lambda found: b"Credential=AKIA%bADMN/20260101/%b/%b/" % (asked_by, found[3], found[4]),
            headers["authorization"].encode(),
        ).decode()
        headers.pop("x-amz-security-token", None)
        method, url, _version = lines[0].split(" ")
        about = (subject, self._model) if subject != self._caller else (subject, subject)
        request = HttpRequest(
            method=method,
            target=url.encode().replace(*about).decode(),
            headers=headers,
            body=body.replace(*about),
        )
        call = wire.parse(request)
        if call.name == "sts:AssumeRole":
            return call.name, _http(wire.reply(call, self._session()), method)
        return call.name, _http(self._engine.handle(request), method)

    def _session(self) -> dict[str, object]:
        """Credentials that tell whose they are."""
        expires = datetime.now(timezone.utc) + timedelta(hours=12)
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{self._model.decode()}REPL",
                "SecretAccessKey": "not-checked-here",
                "SessionToken": "not-checked-here",
                "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": "AROAREPLAY:replay",
                "Arn": f"arn:aws:sts::{self._model.decode()}:assumed-role/Any/replay",
            },
        }

    def _refuse(self, name: str, first_line: bytes, why: str) -> bytes:
        service, operation = name.split(":")
        refusals = THROTTLED if why == "throttled" else DENIED
        others = ("ThrottlingException", 400) if why == "throttled" else ("AccessDeniedException", 400)
        code, status = refusals.get(service, others)
        self.counts[f"{why} {name}"] += 1
        method = first_line.split(b" ")[0].decode()
        message = "Rate exceeded" if why == "throttled" else f"not authorized to perform: {service}:{operation}"
        return _http(wire.error_reply(service, method, AwsError(code, message, status=status)), method)


def _http(reply: HttpReply, method: str = "GET") -> bytes:
    """A reply as it goes over the wire. An account's id has as many digits as the model's: the length stays."""
    hop = ("content-length", "connection", "transfer-encoding")
    headers = {name: value for name, value in reply.headers.items() if name.lower() not in hop}
    headers["Content-Length"] = str(len(reply.body))
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {quote(str(value), safe=' !-~')}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head if method == "HEAD" else head + reply.body


class _Connection(asyncio.Protocol):
    """One connection: a request is answered when the latency is over, then the next is read."""

    def __init__(self, replay: Replay, latency: float) -> None:
        self._replay, self._latency = replay, latency
        self._transport: asyncio.Transport
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or len(rest) < (int(length[1]) if length else 0):
            return
        self._received = b""
        reply = self._replay.answer(head, rest)
        if self._latency and not head.startswith(COUNTS):
            asyncio.get_running_loop().call_later(self._latency, self._send, reply)
        else:
            self._send(reply)

    def _send(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)


async def _serve(options: argparse.Namespace) -> None:
    rates = RATES if options.rates else {}
    replay = Replay(options.scenario, options.throttled, options.denied, options.seed, rates)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(replay, options.latency_ms / 1000), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    # The parent holds our standard input; when it closes it, or ends, so do we.
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    await ended.read()


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakeaws.replay", description=__doc__)
    parser.add_argument("--scenario", required=True, help="a name from tests.fakeaws --list, or the path of a file")
    parser.add_argument("--latency-ms", type=float, default=0, help="how long every call takes at least")
    parser.add_argument("--throttled", type=float, default=0, help="the share of calls that is throttled, such as 0.05")
    parser.add_argument("--denied", type=float, default=0, help="the share of calls that is denied")
    parser.add_argument("--rates", action="store_true", help="throttle what exceeds the rates of AWS")
    parser.add_argument("--seed", type=int, default=1, help="what fixes which calls that are")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
