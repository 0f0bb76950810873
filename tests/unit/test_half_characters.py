# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON may hold half a character, which no file takes: it is told as its escape, and ends nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._audit import audit
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import read_backups
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import BackupError, ReadError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._bucket_policy import merge_bucket_policy
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import parse
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._merge import (
    MergeRefusedError,
    Required,
    merge,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._validate import validate
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import (
    AccountScope,
    NamedRole,
    Role,
    Scope,
)
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._joined import JoinError, joined_reports
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._terminal._table import render
from tests.fuzz.healthy import ANSWERS
from tests.fuzz.targets import Answers
from tests.unit.checks import build
from tests.unit.plan.build import plan

HALF = "\ud800"
ODD = {
    "Sid": f"Odd {HALF}",
    "Effect": "Allow",
    "Principal": {"AWS": [build.ROLE_ARN, f"arn:aws:iam::111111111111:role/{HALF}"]},
    "Action": ["kms:Decrypt", f"kms:{HALF}"],
    "Resource": ["*", HALF],
    "Condition": {f"StringNotLike{HALF}": {f"aws:{HALF}": HALF}, "StringNotEquals": {"aws:PrincipalTag/x": [HALF]}},
}
# As escapes within the policy, and with the halves themselves, as an answer's own escapes leave them.
FORMS = (json.dumps, lambda policy: json.dumps(policy, ensure_ascii=False))


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def whole(*told: object) -> None:
    """Everything can be written."""
    for each in told:
        json.dumps(each, ensure_ascii=False, default=str).encode()


class Accounts(Answers):
    """Eight accounts, of which the third answers with halves of characters."""

    def assume(self, role: Role) -> Access:
        """The answers of the role's account."""
        text = json.dumps(ANSWERS, default=str).replace(build.ACCOUNT, role.account_id)
        given = {**json.loads(text), "GetTrailStatus": ANSWERS["GetTrailStatus"]}
        if role.account_id == "3" * 12:
            given["GetKeyPolicy"] = {"Policy": json.dumps(document(build.ROOT, ODD, build.ENCRYPT))}
            given["GetBucketPolicy"] = {"Policy": json.dumps(document(ODD), ensure_ascii=False)}
            given["ListAliases"] = {"Aliases": [{"AliasName": f"alias/{HALF}"}]}
            given["GetTrailStatus"] = {**ANSWERS["GetTrailStatus"], "LatestDeliveryError": HALF}
        return Answers(given)


def test_a_sweep_tells_of_all_accounts_and_writes_every_report() -> None:
    accounts = tuple(str(number) * 12 for number in range(1, 9))
    scope = Scope(accounts=tuple(AccountScope(each, NamedRole("Audit")) for each in accounts), concurrency=2)
    found, _warnings = audit(
        Accounts(copy.deepcopy(ANSWERS)), scope, Settings(readers=(build.ROLE_ARN,)), lambda _done: None
    )
    assert [row["account_id"] for row in found["accounts"]] == sorted(accounts)
    assert all(not row["errors"] and len(row["trails"]) == 1 for row in found["accounts"])
    whole(found, render(found, width=100, paint=lambda text, _tone: text), *(f.render(found) for f in FORMATS.values()))
    (odd,) = (row for row in found["accounts"] if row["account_id"] == "3" * 12)
    assert "Odd \\\\ud800" in json.dumps(odd)


def test_what_aws_refuses_with_half_a_character_is_told_with_its_escape() -> None:
    class Refusing(Answers):
        def _call(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
            assert client
            assert not parameters
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"no {HALF}"}}, operation)

    refused = Refusing({}).ask("kms", "us-east-1", "ListAliases", str)
    assert isinstance(refused, ReadError)
    assert refused.message == "no \\ud800"


@pytest.mark.parametrize("form", FORMS)
def test_a_policy_is_judged_and_shown_with_the_escape(form: Any) -> None:
    policy = parse(form(document(ODD)))
    whole(policy.document, policy.warnings, policy.to_json(), policy.statements[0].label, validate(policy))
    assert policy.statements[0].label == 'statement "Odd \\\\ud800"'  # in quotes a backslash is told as such
    assert any("half a character" in problem for problem in validate(policy))


@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\\\\ud800"', '"\\\\\\\\ud800"', '"\\u00e9 \\n"'])
def test_whole_characters_and_backslashes_stay_what_they_are(text: str) -> None:
    policy = parse('{"Statement": [{"Sid": ' + text + "}]}")
    assert (policy.halved, policy.statements[0].sid) == (None, json.loads(text))


@pytest.mark.parametrize("form", FORMS)
def test_such_a_policy_stays_where_nothing_is_missing_and_is_refused_where_it_would_be_written(form: Any) -> None:
    required = Required(build.KEY_ARN, (build.TRAIL_ARN,))
    complete = parse(form(document(build.ROOT, ODD, build.ENCRYPT, build.DECRYPT, build.DESCRIBE)))
    assert merge(complete, required) is complete
    with pytest.raises(MergeRefusedError, match=r"a string in it has \\ud800, half a character, .* Remove it"):
        merge(parse(form(document(build.ROOT, ODD))), required)
    delivery = build.delivery("us-east-1")
    with pytest.raises(MergeRefusedError, match=r"the bucket logs is left as it is: .* \\ud800, half a character"):
        merge_bucket_policy(form(document(ODD)), delivery, tls_only=False)


def test_an_enforcement_refuses_to_write_such_a_policy() -> None:
    planned = plan(build.snapshot(key={"policy": json.dumps(document(build.ROOT, ODD))}))
    whole(planned.refusals, planned.warnings)
    assert "half a character" in " ".join(map(str, planned.refusals))
    assert not planned.changes


@pytest.mark.parametrize("content", ['{"format": 1, "account_id": "\\ud800"}', '{"\\udfff": 1}'])
def test_no_backup_and_no_report_holds_such_text(content: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BackupError, match="surrogates not allowed"):
        read_backups([str(path)])
    with pytest.raises(JoinError, match="surrogates not allowed"):
        joined_reports([str(path)], build.NOW)
