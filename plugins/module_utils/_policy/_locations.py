# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the files of a trail lie in its bucket: the one answer to that question.

Sources: CloudTrail user guide, "Finding your CloudTrail log files", "CloudTrail log file name format" and "Finding
your CloudTrail digest files". An organization trail writes below the organization's id, a folder for each account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ._patterns import ANY_DIGIT, ANY_LETTER_OR_DIGIT, ANY_OF_TIME, ANY_OF_UNIQUE, as_if_named, has_unknown
from ._request import NOTHING_KNOWN, Known

# An account that stands for every member of an organization: which there are, and will be, a trail does not tell.
ANY_MEMBER = ANY_DIGIT * 12
# They stand for every organization, by how long its id is (Organizations API reference, Organization, Id).
ANY_ORGANIZATION = tuple(f"o-{ANY_LETTER_OR_DIGIT * length}" for length in range(10, 33))

# When a file is written, and what makes its name unique, no trail tells: they stand for every file of a folder. A log
# file is of a minute, a digest file of a second; the unique string has 16 characters (the pages named above).
_DAY, _MINUTE, _SECOND = (
    text.replace("-", ANY_OF_TIME) for text in ("20--/--/--", "20------T----Z", "20------T------Z")
)
_UNIQUE = ANY_OF_UNIQUE * 16
_LOGS, _DIGESTS = "CloudTrail", "CloudTrail-Digest"


@dataclass(frozen=True)
class Folder:
    """One folder of a trail: its path in the bucket, the ARN of any file in it, and the region of its files.

    `begin` is how the names of its files begin.
    """

    path: str
    file: str
    region: str
    begin: str = ""


@dataclass(frozen=True, kw_only=True)
class Locations:
    """The folders of one trail.

    `regions` are those whose events it delivers. `organization_id` is that of an organization trail, which has folders
    for its own account and for every member. `has_digests`: it validates log files. `known` is what else is known of
    CloudTrail's calls.
    """

    trail_arn: str
    bucket_name: str
    bucket_prefix: str | None
    regions: tuple[str, ...]
    organization_id: str | None = None
    has_digests: bool = False
    known: Known = NOTHING_KNOWN

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN, in the trail's partition."""
        return f"arn:{self.trail_arn.split(':')[1]}:s3:::{self.bucket_name}"

    @property
    def account(self) -> str:
        """The account that owns the trail; for an organization trail the management account."""
        return self.trail_arn.split(":")[4]

    def logs(self) -> Iterator[Folder]:
        """The folders of log files."""
        for owner, account in self._owners():
            yield from (self._logs_of(owner, account, region) for region in self.regions)

    def logs_of_members(self, accounts: Iterable[str]) -> Iterator[Folder]:
        """The folders of log files of these members of the organization."""
        for account in accounts if self.organization_id else ():
            if account != self.account:
                yield from (self._logs_of(self.organization_id, account, region) for region in self.regions)

    def digests(self) -> Iterator[Folder]:
        """The folders of digest files, of which there are none without log-file validation."""
        for owner, account in self._owners() if self.has_digests else ():
            yield from (self._digests_of(owner, account, region) for region in self.regions)

    def spare(self) -> Iterator[Folder]:
        """The folders of an organization trail's own account outside of the organization's. It writes nothing there.

        The statement on them is for the day when the trail belongs to one account (CloudTrail guide, "Amazon S3 bucket
        policy for CloudTrail", on organization trails).
        """
        if self.organization_id:
            yield from (self._logs_of(None, self.account, region) for region in self.regions)

    def patterns(self) -> list[str]:
        """The Resource of a statement that covers all of these, as on AWS's page about bucket policies."""
        owners = [self.account, *([self.organization_id] if self.organization_id else [])]
        return [f"{self.bucket_arn}/{self._path(owner)}/*" for owner in owners]

    def encryption_contexts(self, *, bucket_key: bool) -> Iterator[str]:
        """The aws:s3:arn that log files are encrypted with: their own, or the bucket's if it has an S3 Bucket Key.

        Source: S3 user guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys".
        """
        if bucket_key:
            yield self.bucket_arn
        else:
            yield from (folder.file for folder in self.logs())

    def _owners(self) -> list[tuple[str | None, str]]:
        """The organization, if there is one, and each account that has a folder."""
        if self.organization_id is None:
            return [(None, self.account)]
        return [(self.organization_id, self.account), (self.organization_id, ANY_MEMBER)]

    def _logs_of(self, organization: str | None, account: str, region: str) -> Folder:
        begin, name = f"{account}_{_LOGS}_{region}_", f"{_MINUTE}_{_UNIQUE}.json.gz"
        return self._folder(self._path(organization, account, _LOGS, region), begin, name, region)

    def _digests_of(self, organization: str | None, account: str, region: str) -> Folder:
        _arn, _partition, _service, home, _account, trail = self.trail_arn.split(":", 5)
        begin, name = f"{account}_{_DIGESTS}_{region}_{trail.removeprefix('trail/')}_{home}_", f"{_SECOND}.json.gz"
        return self._folder(self._path(organization, account, _DIGESTS, region), begin, name, region)

    def _folder(self, path: str, begin: str, name: str, region: str) -> Folder:
        return Folder(path, f"{self.bucket_arn}/{path}/{_DAY}/{begin}{name}", region, begin)

    def _path(self, *parts: str | None) -> str:
        return "/".join(part for part in (self.bucket_prefix, "AWSLogs", *parts) if part)


def folder_of(file_arn: str) -> str:
    """The folder of one of these files, with the bucket's name."""
    return file_arn.partition(":::")[2].rpartition("/20")[0]


def stands_for_many(file_arn: str) -> bool:
    """Whether the file is in the folder of an account, or an organization, with an unknown id."""
    return has_unknown(as_if_named(file_arn))


def example_of(file_arn: str, at: datetime) -> str:
    """A possible ARN of the file, written at a moment in UTC. An unknown id is made up."""
    for text, form in ((_DAY, "%Y/%m/%d"), (_MINUTE, "%Y%m%dT%H%MZ"), (_SECOND, "%Y%m%dT%H%M%SZ")):
        file_arn = file_arn.replace(text, at.strftime(form))
    return file_arn.translate(dict.fromkeys(map(ord, (ANY_DIGIT, ANY_OF_TIME)), "0")).translate(
        dict.fromkeys(map(ord, (ANY_LETTER_OR_DIGIT, ANY_OF_UNIQUE)), "a")
    )
