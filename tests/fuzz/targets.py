# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is tried with each kind of input. A target returns, or raises AssertionError or what should never be raised."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import BackupError, read_backup
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import Settings, assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Snapshot
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import (
    MergeRefusedError,
    PolicyError,
    Request,
    Required,
    decide,
    merge,
    parse,
    validate,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._table import render
from tests.fuzz.strategies import JSON, POLICY_TEXTS
from tests.unit.checks import build
from tests.unit.policy.strategies import requests

SETTINGS = Settings(readers=(build.ROLE_ARN,))


def policies(text: str, request: Request) -> None:
    """Any text is read, judged and merged into, or refused by an error of ours; a merge keeps what is foreign."""
    validate(text)
    try:
        policy = parse(text)
    except PolicyError:
        return
    decision = decide(policy, request)
    assert decision.reason
    required = Required(build.KEY_ARN, (build.TRAIL_ARN,), (build.ROLE_ARN,))
    with suppress(MergeRefusedError, PolicyError):
        merged = merge(policy, required)
        kept = [each.document for each in merged.statements[: len(policy.statements)]]
        foreign = [
            (one, each.document) for one, each in zip(kept, policy.statements, strict=True) if not _ours(each.sid)
        ]
        assert all(one == other for one, other in foreign)


def _ours(sid: object) -> bool:
    return str(sid).startswith("AwsBaselineCloudTrail")


def judged_policies(text: str, bucket: bool) -> None:
    """Key policies and bucket policies are judged and shown, whatever they are."""
    _show(build.snapshot(bucket={"policy": text}) if bucket else build.snapshot(key={"policy": text}))


def backups(content: Any) -> None:
    """A file that is no backup is refused by an error of ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        with suppress(BackupError):
            read_backup(str(path))


def _show(snapshot: Snapshot) -> None:
    """Judge the snapshot, and put the audit into every form it has."""
    document = json.loads(json.dumps(facts([assess(replace(snapshot), SETTINGS)])))
    table = render(document, width=100, paint=lambda text, _tone: text)
    assert not any(ord(character) < ord(" ") for character in table.replace("\n", ""))
    for report in FORMATS.values():
        assert report.render(document)


TARGETS: Mapping[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    policies: (POLICY_TEXTS, requests()),
    judged_policies: (POLICY_TEXTS, st.booleans()),
    backups: (JSON,),
}
