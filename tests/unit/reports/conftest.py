# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real audits, each read from the fake AWS once, and one that was written to do harm."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import assess
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._further_reads import calls_of_readers
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._rules import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import facts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from tests.fakeaws.client import FakeAws
from tests.unit.access import caller, read_account
from tests.unit.action.audits import account, audit, error, finding, trail
from tests.unit.aws.test_scenarios import READERS, SCENARIOS
from tests.unit.test_arguments import params

HOSTILE = (
    "<script>alert('x')</script>",
    "=cmd|' /C calc'!A0",
    "\u202eexe.trail",
    "two\nlines\r\n\t]]>&amp;\x00\x1b[31m",
    '"; DROP TABLE trails; --',
    "\ud800\ufffe\U0001f5dd",
    "x" * 128,
)


@pytest.fixture(scope="session")
def audits(server: FakeAws) -> dict[str, dict[str, Any]]:
    """Every scenario's audit, as it comes and with all that can be asked for."""
    read: dict[str, dict[str, Any]] = {}
    of_readers = partial(calls_of_readers, Settings(readers=tuple(READERS["readers"])))
    scope = replace(_audit_arguments.to_scope(params()), of_readers=of_readers)
    for scenario in sorted(SCENARIOS):
        server.reset(scenario)
        try:
            snapshot = read_account(caller(server), scope)
        except AwsError:
            continue
        plain = facts([assess(snapshot, Settings())])
        demanding = _audit_arguments.to_settings(params(**asked_for(plain)))
        read |= {scenario: plain, f"{scenario}, all asked for": facts([assess(snapshot, demanding)])}
    return read


def asked_for(plain: dict[str, Any]) -> dict[str, Any]:
    """Options that make the audit ask for readers and approved keys, and require all.

    Half of the rules are excepted, and the other half were.
    """
    decision = {"account": None, "reason": "=The archive, moves; soon", "owner": "security@example.com"}
    excepted = [
        {**decision, "trail": trail["arn"], "rules": rules, "expires": expires}
        for trail in plain["accounts"][0]["trails"]
        for rules, expires in ((list(RULES)[::2], "2999-12-31"), (list(RULES)[1::2], "2020-12-31"))
    ]
    approved = ["alias/approved", "tag:approved=yes"]
    return {**READERS, "approved_keys": approved, "rules": dict.fromkeys(RULES, "required"), "exceptions": excepted}


@pytest.fixture
def hostile() -> dict[str, Any]:
    """An audit whose every text that comes from outside is an attack on some reader of reports."""
    trails = []
    for text in HOSTILE:
        findings = [
            finding(rule, status, message=text, remediation=text)
            for rule, status in zip(RULES, ("pass", "fail", "unknown", "not_applicable", "excepted"), strict=False)
        ]
        for one in findings:
            evidence = {"reason": text, "statements": [text]}
            exception = {"status": "fail", "reason": text, "owner": text, "expires": "2999-12-31"}
            one["evidence"] = {**evidence, "exception": exception} if one["status"] == "excepted" else evidence
        trails.append(trail(text, "non_compliant", *findings, bucket_name=text, kms_key_arn=text))
    errors = [{**error("us-east-1", text), "message": text} for text in HOSTILE]
    narrowed = dict.fromkeys(("regions", "trails", "rules_off", "rules_lowered"), HOSTILE)
    names = {"account_name": HOSTILE[1], "narrowed_by": narrowed}
    return audit(account("non_compliant", *trails, errors=errors, **names), account("no_trails"))
