# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is tried with each kind of input. A target returns, or raises AssertionError or what should never be raised."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.validate import validate_parameters
from hypothesis import strategies as st

from ansible_collections.aws_baseline.cloudtrail.extensions.eda.plugins.event_filter import cloudtrail_kms_change
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import audit
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, AwsError, connect
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._credentials import CallerCredentials, issued
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._organizations import (
    read_organization,
    with_tags,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import VERDICTS, facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    Backup,
    BackupError,
    Missing,
    ReadError,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._restore import (
    keys_of_backup,
    make_restore_plans,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._undo import undos_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy import _budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._decide import decide
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import PolicyError, parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    merge,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._ours import is_ours
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Outcome, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import validate
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import (
    AccountScope,
    NamedRole,
    Role,
    Scope,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._selection import Selection, host_variables
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS, _joined
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._table import render
from tests.fuzz.healthy import ANSWERS, ORGANIZATION_ANSWERS
from tests.fuzz.strategies import (
    EVENTS,
    JSON,
    POLICY_TEXTS,
    damaged_answers,
    damaged_reports,
    sized_policies,
    wires,
)
from tests.fuzz.strategies import doctored_backups as doctored
from tests.fuzz.wire import Sent, Wire
from tests.unit.checks import build
from tests.unit.policy.strategies import requests
from tests.unit.test_bounded import calls

SETTINGS = Settings(readers=(build.ROLE_ARN,))
KEYS = {"aws_access_key_id": "AKIAX", "aws_secret_access_key": "x"}
WIRE = Wire()
# A budget that lists of some dozens use up.
FEW_STEPS = 20_000
CALLER = connect("us-east-1", "http://127.0.0.1:9", KEYS, 4)


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
        texts = zip(merged.written_statements(), policy.written_statements(), policy.statements, strict=False)
        assert all(now == was for now, was, each in texts if not is_ours(each.document))


def judged_policies(text: str, bucket: bool) -> None:
    """Key policies and bucket policies are judged and shown, whatever they are."""
    snapshot = build.snapshot(bucket={"policy": text}) if bucket else build.snapshot(key={"policy": text})
    _show(facts([assess(snapshot, SETTINGS)]))


class Answers(Access):
    """An access whose answers are given, by operation."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(CALLER.clients, CallerCredentials(lambda: None), region="us-east-1")
        self._given = given

    def _call(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        # What is asked fits the service's model, whatever was answered before.
        validate_parameters(parameters, client.meta.service_model.operation_model(operation).input_shape)
        answer: dict[str, Any] = self._given[operation]
        return answer

    def assume(self, role: Role) -> Access:
        """The same answers again, if the role is given."""
        if isinstance(error := self.ask("sts", self.region, "AssumeRole", partial(issued, build.ACCOUNT)), ReadError):
            raise AwsError(f"{role.role_arn}: {error.message}", error)
        return self


def answers(given: Mapping[str, Any], accounts: tuple[str, ...]) -> None:
    """An account, or each of many, is read, judged and shown, or the module fails with a message of ours."""
    scope = Scope(concurrency=4, accounts=tuple(AccountScope(each, NamedRole("Audit")) for each in accounts))
    try:
        found, _warnings = audit(Answers(given), scope, SETTINGS, lambda _done: None)
    except AwsError as error:
        if not str(error):
            raise
        return
    _show(found)
    assert not accounts or [row["account_id"] for row in found["accounts"]] == sorted(accounts)


def organizations(given: Mapping[str, Any]) -> None:
    """An organization becomes hosts that are named by account ids, or the inventory fails with a message of ours."""
    access = Answers(given)
    try:
        accounts = with_tags(access, read_organization(access))
    except AwsError as error:
        if not str(error):
            raise
        return
    lists = dict.fromkeys(("ous", "states", "include_accounts", "exclude_accounts"), ())
    rest = {"tags": {}, "read_tags": True, "management_account": True, "external_id": None}
    for account in accounts:
        told = host_variables(account, Selection.from_options({**lists, **rest, "role_name": "CloudTrailKmsAudit"}))
        assert re.fullmatch("[0-9]{12}", told["cloudtrail_kms_account"]["id"])
        assert re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\w+", told["cloudtrail_kms_assume_role"]["role_arn"])
        json.dumps(told)


def wired_answers(sent: Mapping[str, Sent]) -> None:
    """Whatever HTTP brings, an account is read in a bounded number of requests, or the module fails by a message."""
    wire = WIRE.with_answers(**sent)
    try:
        found, _warnings = audit(wire.access, Scope(concurrency=4), SETTINGS, lambda _done: None)
    except AwsError as error:
        if not str(error):
            raise
    else:
        _show(found)
    assert wire.asked < 10 * len(wire.sent)


def sized_policies_of_a_key(text: str) -> None:
    """However large its lists, a policy is judged in as many calls as its budget and its length give."""
    read = build.snapshot(key={"policy": text})
    with patch.object(_budget, "STEPS", FEW_STEPS):
        assert calls(lambda: assess(read, SETTINGS)) < 20 * FEW_STEPS + 100 * len(text)


def backups(content: Any) -> None:
    """A file that is no backup is refused by an error of ours."""
    with suppress(BackupError):
        _read(content)


def _read(content: Any) -> tuple[Backup, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return read_backups([str(path)])


def doctored_backups(doctored: tuple[str, Any], request: Request) -> None:
    """What is restored from a backup allows nobody anything that the policy of now does not allow."""
    present, content = doctored
    try:
        backups = _read(content)
    except BackupError:
        return
    snapshot = build.snapshot(key={"policy": present})
    named = {arn for backup in backups for arn in keys_of_backup(backup)}
    keys = {arn: snapshot.keys.get(arn, Missing("no such key")) for arn in named}
    other = replace(snapshot, account_id="222222222222", trails=())
    judged = {read.account_id: assess(read, SETTINGS) for read in (snapshot, other)}
    requests, levels = dict.fromkeys(judged, EnforceRequest(key=None)), dict.fromkeys(judged, SETTINGS)
    asked = {backup.account_id: backup for backup in backups}
    for seen in (judged, {build.ACCOUNT: judged[build.ACCOUNT]}):
        together = make_restore_plans(seen, undos_of(asked, seen), keys, requests, levels)
        _show(facts([assess(predicted, SETTINGS) for predicted in together.predicted.values()]))
        for planned in (*together.plans.values(), *(policy.plan for policy in together.policies)):
            for change in () if planned.refusals else planned.changes:
                assert change.operation in ("PutKeyPolicy", "UpdateTrail")
                if change.operation == "PutKeyPolicy":
                    after = change.parameters["Policy"]
                    now, then = (decide(parse(text), request).outcome for text in (present, after))
                    assert now is then or then is Outcome.IMPLICIT_DENY


def joined_reports(report: Any) -> None:
    """A damaged report is refused with the name of its file, or comes to the verdicts that its findings imply."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cloudtrail-kms.json"
        path.write_text(json.dumps(report), encoding="utf-8")
        try:
            audit, _enforced = _joined.joined_reports([str(path)], build.NOW)
        except _joined.JoinError as error:
            if str(path) not in str(error):
                raise
            return
    for account in audit["accounts"]:
        assert account["verdict"] in ("not_applicable", _implied(account))
    verdicts = Counter(account["verdict"] for account in audit["accounts"])
    assert verdicts == +Counter({verdict: audit["summary"][verdict] for verdict in VERDICTS})
    assert len(audit["accounts"]) == audit["summary"]["accounts"] > 0
    _show(audit)


def _implied(account: Mapping[str, Any]) -> str:
    """The verdict of an account by what was found, which each of its trails says as well."""
    statuses = set()
    for trail in account["trails"]:
        found = {finding["status"] for finding in trail["findings"] if finding["level"] == "required"}
        worst = "non_compliant" if "fail" in found else "unknown" if "unknown" in found else "compliant"
        assert (trail["verdict"], trail["cis_3_5"]) == (worst, "pass" if trail["kms_key_arn"] else "fail")
        statuses.add(worst)
    if "non_compliant" in statuses:
        return "non_compliant"
    if "unknown" in statuses or not account["complete"]:
        return "unknown"
    return "compliant" if statuses else "no_trails"


def events(sent: dict[str, Any]) -> None:
    """A message of a queue says what has the form that AWS gives it, or nothing; one that is no call stays as it is."""
    handed_on = cloudtrail_kms_change.main(sent)
    body = sent.get("body")
    if not isinstance(body, dict) or body.get("detail-type") != cloudtrail_kms_change.DETAIL_TYPE:
        assert handed_on == {name: value for name, value in sent.items() if name != "cloudtrail_kms"}
        return
    assert "meta" in handed_on
    assert handed_on.keys() <= {"meta", "cloudtrail_kms"}
    assert not re.search(r"[^\w.:/,=+@\"{} -]|\{\{|\{%|\{#", json.dumps(handed_on, separators=(", ", ": ")), re.ASCII)


def _show(audited: Mapping[str, Any]) -> None:
    """Put the audit into every form it has."""
    document = json.loads(json.dumps(audited))
    table = render(document, width=100, paint=lambda text, _tone: text)
    assert table.replace("\n", "").isprintable()
    for report in FORMATS.values():
        assert report.render(document)


TARGETS: Mapping[Callable[..., None], tuple[st.SearchStrategy[Any], ...]] = {
    policies: (POLICY_TEXTS, requests()),
    judged_policies: (POLICY_TEXTS, st.booleans()),
    answers: (damaged_answers(ANSWERS), st.sampled_from([(), ("111111111111", "222222222222")])),
    organizations: (damaged_answers(ORGANIZATION_ANSWERS),),
    backups: (JSON,),
    wired_answers: (wires(),),
    sized_policies_of_a_key: (sized_policies(),),
    doctored_backups: (doctored(), requests()),
    joined_reports: (damaged_reports(),),
    events: (EVENTS,),
}
