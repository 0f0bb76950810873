# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The newest digest file of a trail: how it is encrypted is shown, and decides nothing.

Under the trail's key, says the CloudTrail API reference (UpdateTrail, KmsKeyId). By SSE-S3, says the CloudTrail guide
("Security best practices").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from .._model import DeliveredFile, LogFolder, ReadError
from .._policy import readable
from ._evidence import Evidence
from ._proof import clock, encryption_of, is_under_key
from ._subject import Result, Subject


def digest_folders(subject: Subject) -> Iterator[LogFolder]:
    """The folder of the digest files of a trail's own account in its home Region, if it has them and that is known.

    Their names hold the trail's name and home Region, so no other trail's digest is taken for its own (CloudTrail
    guide, "CloudTrail digest file structure").
    """
    for each in subject.locations[0].digests() if len(subject.locations) == 1 else ():
        if each.region == subject.trail.home_region and readable(each.path) == each.path:
            yield LogFolder(each.path, each.begin, each.region, of_digests=True)


def with_digest(subject: Subject, result: Result) -> Result:
    """The result with a note on how the newest digest file is encrypted, or the same result if none was read."""
    digest = subject.proof.digest if subject.proof else None
    if digest is None:
        return result
    if isinstance(digest, ReadError):
        return _noted(result, f"The newest digest file could not be read ({digest.iam_action}).")
    if digest.name is None:
        return _noted(result, f"No digest file of the last 8 days was found in {digest.folder.path}.")
    how = encryption_of(digest)
    evidence: Evidence = {
        **cast("Evidence", result.evidence),
        "newest_digest": f"{digest.name} of {clock(digest.at)}, {how}",
    }
    return _noted(replace(result, evidence=evidence), _words(subject, digest, how))


def _words(subject: Subject, digest: DeliveredFile, how: str) -> str:
    whose = "under the trail's key" if is_under_key(subject, digest) else f"{how}, not under the trail's key"
    return (
        f"The newest digest file, of {clock(digest.at)}, is encrypted {whose}. That decides nothing: AWS's pages "
        "disagree on how digest files are encrypted."
    )


def _noted(result: Result, note: str) -> Result:
    return replace(result, message=f"{result.message} {note}")
