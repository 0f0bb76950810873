# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m tests.fakeaws`: run a fake AWS in a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
import threading
from pathlib import Path
from types import FrameType

from tests.fakeaws import scenario
from tests.fakeaws.engine import Engine
from tests.fakeaws.server import FakeAwsServer
from tests.fakeaws.switches import Switches
from tests.fakeaws.world import DEFAULT_REGIONS


def main() -> int:
    """List the scenarios, or serve one until told to stop."""
    options = _options()
    if options.list:
        return _list()
    try:
        engine = Engine(options.scenario, _switches(options), options.regions.split(","))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    server = FakeAwsServer(options.port, engine)
    _stop_with_parent(server)
    print(f"listening on {server.endpoint}", flush=True)
    server.serve_forever(poll_interval=0.05)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakeaws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--scenario", default="healthy", help="a name from --list, or the path of a file")
    parser.add_argument("--latency-ms", type=float, default=0, help="how long every call takes at least")
    regions = "the enabled ones of accounts that name none, by default those of AWS; each is a call of every audit"
    parser.add_argument("--regions", default=",".join(DEFAULT_REGIONS), help=regions)
    parser.add_argument("--log", type=Path, help="a file that gets a line of JSON for every call")
    parser.add_argument("--list", action="store_true", help="list the scenarios and stop")
    return parser.parse_args()


def _switches(options: argparse.Namespace) -> Switches:
    """FAKEAWS_RECORD names a folder that gets the kinds of calls the collection makes; see tests/recorded."""
    folder = os.environ.get("FAKEAWS_RECORD")
    return Switches(latency_ms=options.latency_ms, log_file=options.log, record_folder=Path(folder) if folder else None)


def _list() -> int:
    for name in scenario.names():
        print(f"{name:24} {scenario.read(name).description}")
    return 0


def _stop_with_parent(server: FakeAwsServer) -> None:
    """Stop at SIGTERM and SIGINT, and when the parent that holds our standard input ends."""

    def stop(_number: int | None = None, _frame: FrameType | None = None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    def watch() -> None:
        # Not through sys.stdin: a thread that waits inside its buffer aborts the interpreter's shutdown.
        while os.read(0, 1024):
            pass
        stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if _input_is_a_pipe():
        threading.Thread(target=watch, daemon=True).start()


def _input_is_a_pipe() -> bool:
    """A terminal, a file or a closed input says nothing about a parent."""
    try:
        return stat.S_ISFIFO(os.fstat(0).st_mode)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
