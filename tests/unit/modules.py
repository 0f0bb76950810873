# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules, run in this process: options in, answer out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from datetime import datetime, timedelta, tzinfo
from io import StringIO
from types import ModuleType
from typing import Any, Self

import pytest
from ansible.module_utils.testing import patch_module_args

from tests.fakeaws.client import FakeAws


def answer(module: ModuleType, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a module prints for Ansible when it exits or fails."""
    told = StringIO()
    with patch_module_args(options), redirect_stdout(told), pytest.raises(SystemExit):
        module.main()
    result: dict[str, Any] = json.loads(told.getvalue())
    return result


def connection(aws: FakeAws) -> dict[str, str]:
    """The options that lead a module to the fake AWS, as the administrator of the scenario's first account."""
    keys = aws.credentials(aws.scenario["account"])
    return {
        "access_key": keys["AWS_ACCESS_KEY_ID"],
        "secret_key": keys["AWS_SECRET_ACCESS_KEY"],
        "endpoint_url": aws.endpoint,
        "region": aws.scenario["region"],
    }


def replace_everywhere(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], other: Callable[..., Any]
) -> None:
    """Put another function in the place of one of ours, in every module of ours that has it under its name."""
    name = function.__name__
    holders = [
        module
        for module in list(sys.modules.values())
        if module.__name__.startswith("ansible_collections.aws_baseline.cloudtrail.plugins.")
        and vars(module).get(name) is function
    ]
    assert holders
    for module in holders:
        monkeypatch.setattr(module, name, other)


def clock_off_by(monkeypatch: pytest.MonkeyPatch, skew: timedelta) -> None:
    """Let the clock of this machine be off, for all that the collection asks of it."""

    class Off(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(time.time() + skew.total_seconds(), tz)

    Off.__name__ = "datetime"
    replace_everywhere(monkeypatch, datetime, Off)
