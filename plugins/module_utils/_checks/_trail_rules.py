# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules on the trail itself: has it a key, and does it deliver."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from .._model import Bucket, Missing, ReadError, TrailStatus
from ._evidence import Evidence
from ._subject import Result, Subject, unreadable


def trail_has_kms_key(subject: Subject) -> Result:
    """The trail names a KMS key: the literal text of CIS AWS Foundations 3.0, control 3.5."""
    if subject.trail.kms_key_arn:
        return Result("pass", "The trail encrypts its logs with a KMS key.", "", {"kms_key": subject.trail.kms_key_arn})
    region = subject.bucket.region if isinstance(subject.bucket, Bucket) else "the bucket's region"
    return Result(
        "fail",
        "The trail has no KMS key: its logs are encrypted with keys that S3 holds, and anyone who may read the bucket "
        "may read them.",
        "Run the enforce playbook, or by hand: create a customer managed key in "
        f"{region} whose policy allows CloudTrail, then set it (existing log files keep their encryption)",
        command=f"aws cloudtrail update-trail --region {subject.trail.home_region} --name {subject.trail.arn} "
        "--kms-key-id KEY_ARN",
    )


def trail_is_delivering(subject: Subject) -> Result:
    """CloudTrail reports no delivery error.

    The error strings are S3's (CloudTrail API reference, GetTrailStatus, LatestDeliveryError), so silence
    proves nothing about the key: a delivery that has gone stale, or a trail that is off, is advice.
    """
    if isinstance(subject.bucket, Missing):
        return Result(
            "fail",
            f"The bucket {subject.trail.bucket_name} does not exist, so no log arrives.",
            "Create the bucket again, or give the trail another one.",
        )
    status = subject.trail.status
    if isinstance(status, ReadError):
        return unreadable("The delivery status", status)
    evidence = _delivery_evidence(status)
    error = status.latest_delivery_error or status.latest_digest_delivery_error
    if error:
        kind = "logs" if status.latest_delivery_error else "digests"
        return Result(
            "fail",
            f"The last delivery of {kind} to {subject.trail.bucket_name} failed: {error}.",
            "Fix the key and bucket findings of this trail; delivery then resumes by itself.",
            evidence,
        )
    return _freshness(subject, status, evidence)


def beside_delivery(subject: Subject, result: Result) -> Result:
    """The result of a rule on a policy; where it fails though the trail delivers, what that can mean is said."""
    status = subject.trail.status
    if (result.status, result.advice) != ("fail", False) or not isinstance(status, TrailStatus):
        return result
    if not status.is_of_key or trail_is_delivering(subject).status != "pass" or not _is_recent(status):
        return result
    return replace(
        result,
        message=f"{result.message} Yet CloudTrail reports a recent delivery{_where(status)}: the policy was changed "
        "since, or the service needs less than AWS's pages say.",
    )


def _is_recent(status: TrailStatus) -> bool:
    """Whether there was a delivery since logging began; how old it may be `trail_is_delivering` knows."""
    latest = status.latest_delivery_time
    return latest is not None and (status.logging_since is None or latest >= status.logging_since)


def _where(status: TrailStatus) -> str:
    """GetTrailStatus speaks of one region only; of a multi-region trail, that is said."""
    return f" in {status.region}" if status.region else ""


def _delivery_evidence(status: TrailStatus) -> Evidence:
    delivered = status.latest_delivery_time
    return {
        "region": status.region,
        "is_logging": status.is_logging,
        "latest_delivery_time": delivered.isoformat(timespec="seconds") if delivered else None,
        "latest_delivery_error": status.latest_delivery_error,
        "latest_digest_delivery_error": status.latest_digest_delivery_error,
    }


def _freshness(subject: Subject, status: TrailStatus, evidence: Evidence) -> Result:
    """Judge a trail without errors by the time of its last delivery."""
    if not status.is_logging:
        return Result(
            "fail",
            "Logging is off, so nothing new is recorded.",
            "Start it",
            evidence,
            advice=True,
            command=f"aws cloudtrail start-logging --region {subject.trail.home_region} --name {subject.trail.arn}",
        )
    where = _where(status)
    if not status.is_of_key:
        message = f"The key or its policy was changed; no delivery since then is known{where} yet."
        return Result("pass", message, "", evidence)
    since = max((moment for moment in (status.latest_delivery_time, status.logging_since) if moment), default=None)
    if since is None or subject.read_at - since > timedelta(hours=subject.settings.stale_after_hours):
        return _silence(subject, status, evidence)
    if not _is_recent(status):
        # CloudTrail delivers about every five minutes (CloudTrail guide, "How CloudTrail works").
        began = since.isoformat(timespec="seconds")
        return Result("pass", f"Logging began at {began}; no delivery since then is known{where} yet.", "", evidence)
    return Result("pass", f"CloudTrail reports a recent delivery without error{where}.", "", evidence)


def _silence(subject: Subject, status: TrailStatus, evidence: Evidence) -> Result:
    """The failure of a trail that has not delivered for hours."""
    latest, where, last = status.latest_delivery_time, _where(status), "No log was ever delivered"
    if latest:
        last, where = f"The last log{where} was delivered at {latest.isoformat(timespec='seconds')}", ""
    return Result(
        "fail",
        f"{last}{where}; more than {subject.settings.stale_after_hours} hours of silence may mean that the key or the "
        "bucket refuses CloudTrail.",
        "Check the key and bucket findings of this trail; if all pass, look for recent objects in the bucket.",
        evidence,
        advice=True,
    )
