# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the golden tables in `golden/` say, as policies and requests.

Each case has a page of AWS that it was written from, a reason, and the outcome it must have; the tables explain
their own short forms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import replace as replaced
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import Key
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._locations import Locations
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._request import Known, Outcome, Request
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._requests import (
    acl_request,
    reader_request,
    service_request,
    upload_request,
    write_request,
)

TRAIL = "arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BUCKET = "amzn-s3-demo-bucket"
OWNER = "111122223333"
PLAIN_KEY = Key(
    arn=KEY,
    manager="CUSTOMER",
    state="Enabled",
    spec="SYMMETRIC_DEFAULT",
    usage="ENCRYPT_DECRYPT",
    origin="AWS_KMS",
    multi_region=False,
    primary_arn=None,
    aliases=(),
    policy="",
    rotation_enabled=True,
)
ROLE = f"arn:aws:iam::{OWNER}:role/reader"

EVERYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
_HOLDS = {True: Outcome.ALLOWED, False: Outcome.IMPLICIT_DENY, "unknown": Outcome.INDETERMINATE}
_DENIES = {True: Outcome.EXPLICIT_DENY, False: Outcome.ALLOWED, "unknown": Outcome.INDETERMINATE}


@dataclass(frozen=True)
class Golden:
    """One case: what the request must come to under `policy`, and what the answer must say.

    `request` makes the request, when the test runs and not while it is collected.
    """

    name: str
    page: str
    policy: dict[str, Any]
    request: Callable[[], Request]
    outcome: Outcome
    says: str = ""
    advises: str = ""
    decided_by: tuple[str, ...] | None = None


def golden_cases() -> list[Golden]:
    """All cases of all tables."""
    found: list[Golden] = []
    for path in sorted((Path(__file__).parent / "golden").glob("*.yml")):
        text = path.read_text(encoding="utf-8").replace("$TRAIL", json.dumps(TRAIL)).replace("$KEY", json.dumps(KEY))
        table = yaml.safe_load(text)
        for number, case in enumerate(table["cases"], start=1):
            name = f"{path.stem}-{number}: {case['why']}"
            page = case.get("page", table["page"])
            found.extend(replaced(golden, name=f"{name}{golden.name}", page=page) for golden in _read(table, case))
    return found


def _read(table: dict[str, Any], case: dict[str, Any]) -> Iterator[Golden]:
    if "condition" in case:
        yield from _condition(case)
    elif "caller" in case:
        yield _principal(case)
    elif "statements" in case:
        asked = partial(_call if {"service", "reader", "writer", "asks_for"} & case.keys() else _request, case)
        yield _case(case, asked, [_short(statement) for statement in case["statements"]])
    elif "policy" in case:
        yield _case(case, partial(_call, case), table["policies"][case["policy"]])
    else:
        yield _element(case)


def _case(case: dict[str, Any], request: Callable[[], Request], statements: list[dict[str, Any]]) -> Golden:
    policy = {"Version": case.get("version", "2012-10-17"), "Statement": statements}
    decided_by = tuple(f'statement "{sid}"' for sid in case["decided_by"]) if "decided_by" in case else None
    return Golden(
        name="",
        page="",
        policy=policy,
        request=request,
        outcome=Outcome[case["outcome"]],
        says=case.get("says", ""),
        advises=case.get("advises", ""),
        decided_by=decided_by,
    )


def _condition(case: dict[str, Any]) -> Iterator[Golden]:
    """A condition in the only Allow, and again in a Deny beside an Allow of everything."""
    allow = {**EVERYTHING, "Condition": case["condition"]}
    holds = {**case, "outcome": _HOLDS[case["holds"]].name}
    yield replaced(_case(holds, partial(_request, case), [allow]), name=" (Allow)")
    denies = {**case, "outcome": _DENIES[case["holds"]].name}
    yield replaced(_case(denies, partial(_request, case), [EVERYTHING, {**allow, "Effect": "Deny"}]), name=" (Deny)")


def _principal(case: dict[str, Any]) -> Golden:
    statement = {key: value for key, value in EVERYTHING.items() if key != "Principal"}
    forms: dict[str, list[dict[str, Any]]] = {
        "principal": [{**statement, "Principal": case.get("principal")}],
        "allow_all_but": [{**statement, "NotPrincipal": case.get("allow_all_but")}],
        "deny": [EVERYTHING, {**statement, "Effect": "Deny", "Principal": case.get("deny")}],
        "deny_all_but": [EVERYTHING, {**statement, "Effect": "Deny", "NotPrincipal": case.get("deny_all_but")}],
    }
    statements = [each for form in forms if form in case for each in forms[form]]
    if "principal" in case and "deny" in case:
        statements.remove(EVERYTHING)
    return _case(case, partial(_request, case), statements)


def _element(case: dict[str, Any]) -> Golden:
    changed = case.get("statement") or case["deny"]
    negated = {name.removeprefix("Not") for name in changed if name.startswith("Not") and not case.get("keep")}
    elements = {**{name: value for name, value in EVERYTHING.items() if name not in negated}, **changed}
    statement = {name: value for name, value in elements.items() if value is not None}
    if "deny" in case:
        return _case(case, partial(_request, case), [EVERYTHING, {**statement, "Effect": "Deny"}])
    return _case(case, partial(_request, case), [statement])


def _short(statement: dict[str, Any]) -> dict[str, Any]:
    ((effect, condition),) = statement.items()
    return {**EVERYTHING, "Effect": effect.capitalize(), "Condition": condition}


def _request(case: dict[str, Any]) -> Request:
    return Request(
        principal=case.get("caller", ROLE),
        action=case.get("action", "kms:Decrypt"),
        resource=case.get("resource", KEY),
        context=case.get("context", {}),
        account=OWNER,
        identity_allows=case.get("identity"),
        unknown_keys=frozenset(case.get("unknown", ())),
    )


def _call(case: dict[str, Any]) -> Request:
    trail, key = case.get("trail", TRAIL), case.get("key", KEY)
    if "service" in case:
        return service_request(case["service"], trail_arn=trail, key_arn=key, known=_known(case))
    if "reader" in case:
        return reader_request(
            case["reader"],
            trail_arn=trail,
            key_arn=key,
            object_arn=next(_locations(case).encryption_contexts(bucket_key=case.get("bucket_key", False))),
            bucket_region="us-east-1",
            identity_allows=case.get("identity"),
            known=_known(case),
        )
    if "writer" in case:
        return write_request(case["writer"], "kms:PutKeyPolicy", key_arn=key)
    locations = _locations(case)
    if case.get("asks_for") == "acl":
        return acl_request(locations)
    folder = next(locations.digests() if case.get("asks_for") == "digest" else locations.logs())
    return upload_request(locations, None if case.get("encryption") == "AES256" else key).at(folder.file)


def _locations(case: dict[str, Any]) -> Locations:
    return Locations(
        trail_arn=case.get("trail", TRAIL),
        bucket_name=BUCKET,
        bucket_prefix=case.get("prefix"),
        regions=("us-east-1",),
        organization_id=case.get("organization"),
        has_digests=True,
        known=_known(case),
    )


def _known(case: dict[str, Any]) -> Known:
    """What was read: `at` is a moment, `key` the fields in which the key differs from a plain one."""
    fields = {**case.get("known", {})}
    return Known(**{**fields, **({"key": replaced(PLAIN_KEY, **fields["key"])} if "key" in fields else {})})
