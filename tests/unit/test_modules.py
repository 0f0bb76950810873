# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whoever gives a module what cannot be meant, or nothing to ask AWS with, gets a sentence and never a traceback."""

from __future__ import annotations

import json
import os
import re
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aws_baseline.cloudtrail.plugins.modules import (
    cloudtrail_kms_central_key,
    cloudtrail_kms_enforce,
    cloudtrail_kms_facts,
)

NOBODY = "http://127.0.0.1:9"  # the port on which nothing listens
KEYS = {"access_key": "AKIAUNKNOWN", "secret_key": "nobodys-secret-key", "endpoint_url": NOBODY}
ONCE = {**KEYS, "region": "us-east-1", "aws_config": {"retries": {"total_max_attempts": 1}}}
BUNDLE = {"aws_ca_bundle": "/nowhere/ca.pem", "endpoint_url": NOBODY.replace("http:", "https:")}
TRAIL = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main"
MODULES = (cloudtrail_kms_facts, cloudtrail_kms_enforce, cloudtrail_kms_central_key)
EXCEPTION = {"trail": "main", "rules": ["key_is_usable"], "reason": "x", "owner": "me", "expires": "2026-02-30"}
# What every module is asked with, and what it answers.
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "no credentials": (
        {"region": "us-east-1", "endpoint_url": NOBODY},
        r"No AWS credentials were found\. Set access_key and secret_key, profile, or the AWS_\* environment\.",
    ),
    "no region": (KEYS, r"No region: set the option region, AWS_REGION, or the region of the profile\."),
    "no region of AWS": ({**ONCE, "region": "us east"}, r"AWS cannot be asked in us east: .* Correct .* the region\."),
    "endpoint unreachable": (
        ONCE,
        r".*GetCallerIdentity in us-east-1 answered EndpointConnectionError .*127\.0\.0\.1:9.*",
    ),
    "no such profile": (
        {"profile": "nobody", "region": "us-east-1", "endpoint_url": NOBODY},
        r".*\(The config profile \(nobody\) could not be found\)\. Renew or correct the credentials, the profile .*",
    ),
    "no such certificates": ({**ONCE, **BUNDLE}, r".*AWS cannot be reached .* check endpoint_url, .* aws_ca_bundle\."),
    "TLS not verified": ({**ONCE, "validate_certs": False}, r"validate_certs=false is refused: .* set aws_ca_bundle\."),
    "no role ARN": (
        {**ONCE, "assume_role": {"role_arn": "Audit"}},
        r"Option assume_role\.role_arn: 'Audit' is not a role ARN\.",
    ),
    "no reader": (
        {**ONCE, "readers": ["Analyst"]},
        r"Option readers: 'Analyst' is not the ARN of an IAM role, user or account root\.",
    ),
}
# What an audit and an enforcement are asked with, and what they answer.
OF_TRAILS: dict[str, tuple[dict[str, Any], str]] = {
    "malformed ARN": (
        {**ONCE, "trails": ["arn:aws:s3:::main"]},
        r"Option trails: 'arn:aws:s3:::main' is not a trail name or trail ARN\.",
    ),
    "malformed region": (
        {**ONCE, "regions": ["USA"]},
        r"Option regions: 'USA' is not a region name such as eu-central-1\.",
    ),
    "no day": (
        {**ONCE, "exceptions": [EXCEPTION]},
        r"Option exceptions\.expires: '2026-02-30' is not a date YYYY-MM-DD\.",
    ),
    "no reason": (
        {**ONCE, "exceptions": [{name: value for name, value in EXCEPTION.items() if name != "reason"}]},
        r"missing required arguments: reason found in exceptions",
    ),
}
CASES = [
    pytest.param(module, *row, id=f"{module.__name__.rpartition('.')[2]}, {name}")
    for rows, modules in ((ASKED, MODULES), (OF_TRAILS, MODULES[:2]))
    for name, row in rows.items()
    for module in modules
]


@pytest.mark.parametrize(("module", "given", "message"), CASES)
def test_a_sentence_and_no_traceback(
    module: ModuleType,
    given: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_DATA_PATH"]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    of_central_key = {"trails": [TRAIL]} if module is cloudtrail_kms_central_key else {}
    with patch_module_args({**of_central_key, **given}), pytest.raises(SystemExit):
        module.main()
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] is True
    assert re.fullmatch(message, told["msg"])
    assert "Traceback" not in json.dumps(told)
