# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts that a finding may hold, in one list. The type checker checks the rules by it, and reports their shape.

docs/cloudtrail-kms.schema.json says what each of them is.
"""

from __future__ import annotations

from typing import TypedDict


class ExceptionEvidence(TypedDict):
    """Who decided to live with a finding, until which day, and why."""

    reason: str
    owner: str
    expires: str


class ExceptedEvidence(ExceptionEvidence):
    """The same for an exception that holds, with the status of the finding without it."""

    status: str


class _Decided(TypedDict):
    outcome: str
    reason: str


class ReaderEvidence(_Decided, total=False):
    """What a policy says about one reader; `readers_can_decrypt` and `readers_can_read` hold it by the reader's ARN."""

    folders: list[str]
    delegated: bool
    statements_to_add: list[str]
    bucket_policy: str
    own_policies: str


class Evidence(TypedDict, total=False):
    """What any other rule may hold."""

    kms_key: str
    approved_keys: list[str]
    manager: str
    state: str
    usage: str
    spec: str
    valid_to: str
    key_region: str
    bucket_region: str
    rotation_enabled: bool
    outcome: str
    reason: str
    statements: list[str]
    statements_to_add: list[str]
    warnings: list[str]
    allowed: list[str]
    unclear: list[str]
    region: str
    is_logging: bool
    latest_delivery_time: str | None
    latest_delivery_error: str | None
    latest_digest_delivery_error: str | None
    proven_by: str
    proven_at: str
    proof: str
    refuted_by: str
    missing: list[str]
    last_changes: list[str]
    key_last_used: str
    newest_digest: str
    encrypted_since: str
    older_logs: list[str]
    folders: list[str]
    iam_action: str
    operation: str
    code: str
    exception: ExceptedEvidence
    expired_exception: ExceptionEvidence
