# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the newest files of the folders to which the trails of an account deliver."""

from __future__ import annotations

import re
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import count
from typing import Any

from .._model import Bucket, DeliveredFile, LogFolder, ReadError, Snapshot
from ._access import Access, failed_read
from ._calls import moment_of
from ._resources import Account, first_answer

# How far back the run looks for the newest file of a folder: an hour, and further only if that holds none. An hour has
# some dozen files, since CloudTrail delivers about every five minutes (CloudTrail guide, "How CloudTrail works").
WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=8))
# How far the time in a file's name, that of its delivery, is from the one that S3 keeps: a file that was copied in
# place, or encrypted anew, keeps its name (CloudTrail guide, "CloudTrail log file name format").
NEAR = timedelta(minutes=15)
# How long after the end of its hour, which its name gives, a digest file may arrive. AWS documents no limit; half an
# hour was seen. An hour is too short a window for it, so the search begins with the last day.
DIGEST_DELAY = timedelta(hours=2)
# A file with a later time in its name does not count: twice NEAR, and a margin.
AHEAD = timedelta(hours=1)
# Of one folder and window, of 1,000 objects each (S3 API reference, ListObjectsV2).
MOST_PAGES = 5
# Calls of ListObjectsV2 for one account, so that none whose folders are full of other objects holds a sweep up. Five
# trails of 34 Regions, each with a prefix of its own, take about 500.
MOST_LISTS = 1_000
# What follows the Region in the names of logs (CloudTrail guide, "CloudTrail log file name format"), and the home
# Region in those of digest files (the same, "CloudTrail digest file structure"; those with _backfill come at any time).
_LOG = re.compile(r"(20\d{6}T\d{4})Z_[A-Za-z0-9]{16}\.json\.gz", re.ASCII)
_DIGEST = re.compile(r"(20\d{6}T\d{4})\d\dZ\.json\.gz", re.ASCII)
_DAY = re.compile(r"20\d\d/\d\d/\d\d", re.ASCII)


class NewestFiles:
    """The newest files of an account's folders: trails that deliver to the same folder share what is read of it."""

    def __init__(self, pool: ThreadPoolExecutor, account: Account, snapshot: Snapshot) -> None:
        self._pool, self._account, self._snapshot = pool, account, snapshot
        self._asked: dict[tuple[str, LogFolder], Future[DeliveredFile | ReadError]] = {}
        self._lists = count(1)

    def ask(self, bucket: Bucket, folder: LogFolder) -> Future[DeliveredFile | ReadError]:
        """Ask for the newest file of a folder, with the credentials of the bucket's owner where there are any."""
        name = bucket.name, folder
        if name not in self._asked:
            keys = {trail.kms_key_arn for trail in self._snapshot.trails if trail.bucket_name == bucket.name}
            readers = self._account.bucket_readers(bucket.name, {key for key in keys if key})
            read = partial(self._newest, folder)
            self._asked[name] = self._pool.submit(first_answer, read, readers, bucket.region, bucket.name)
        return self._asked[name]

    def _newest(self, folder: LogFolder, access: Access, region: str, bucket: str) -> DeliveredFile | ReadError:
        """Return the newest file of a folder, one without a name where there was none for days."""
        now = self._snapshot.read_at
        for window in WINDOWS[1:] if folder.of_digests else WINDOWS:
            files = self._files_since(access, region, bucket, folder, now - window)
            if isinstance(files, ReadError):
                return files
            past = {name: at for name, at in files.items() if at <= now + NEAR}
            if past:
                name = max(past, key=lambda each: (past[each], each))
                return access.ask("s3", region, "HeadObject", partial(_file, folder, name), Bucket=bucket, Key=name)
        return DeliveredFile(folder)

    def _files_since(
        self, access: Access, region: str, bucket: str, folder: LogFolder, since: datetime
    ) -> dict[str, datetime] | ReadError:
        """Return the files of a folder by name, with their times: names begin with the time, and S3 lists by them.

        S3 API reference, ListObjectsV2, StartAfter: general purpose buckets are listed in the order of UTF-8.
        """
        request: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{folder.path}/", "StartAfter": _place(folder, since)}
        end, found = _place(folder, self._snapshot.read_at + AHEAD), dict[str, datetime]()
        for _page in range(MOST_PAGES):
            if next(self._lists) > MOST_LISTS:
                return _too_many(region, f"{MOST_LISTS:,} calls were made to list the folders of the account's trails")
            answer = access.ask("s3", region, "ListObjectsV2", _listed, **request)
            if isinstance(answer, ReadError):
                return answer
            rows, token = answer
            found |= {name: at for name, at in rows if _is_of(folder, name, at)}
            if token is None or any(name > end for name, _at in rows):
                return found
            request["ContinuationToken"] = token
        since_when = since.isoformat(timespec="minutes")
        return _too_many(region, f"{folder.path}/ holds more than {MOST_PAGES * 1000:,} objects since {since_when}")


def _place(folder: LogFolder, moment: datetime) -> str:
    """Return where in the order of names the files of a moment begin."""
    return f"{folder.path}/{moment:%Y/%m/%d}/{folder.name}{moment:%Y%m%dT%H%M}"


def _too_many(region: str, why: str) -> ReadError:
    return failed_read("s3", "ListObjectsV2", region, "TooManyObjects", why)


def _listed(answer: dict[str, Any]) -> tuple[list[tuple[str, datetime]], str | None]:
    """Return names and times of one page, and the token of the next."""
    rows = [(row["Key"], moment_of(row["LastModified"])) for row in answer.get("Contents", ())]
    return rows, answer["NextContinuationToken"] if answer.get("IsTruncated") else None


def _is_of(folder: LogFolder, name: str, at: datetime) -> bool:
    """Return whether an object has the name of a file that CloudTrail delivers to the folder at this time.

    Others may write there as well.
    """
    day, _slash, file = name.removeprefix(f"{folder.path}/").rpartition("/")
    form, delay = (_DIGEST, DIGEST_DELAY) if folder.of_digests else (_LOG, NEAR)
    named = form.fullmatch(file.removeprefix(folder.name)) if file.startswith(folder.name) else None
    if named is None or not _DAY.fullmatch(day):
        return False
    try:
        named_at = datetime.strptime(named[1], "%Y%m%dT%H%M").replace(tzinfo=timezone.utc)
    except ValueError:
        return False
    return -NEAR <= at - named_at <= delay


def _file(folder: LogFolder, name: str, answer: dict[str, Any]) -> DeliveredFile:
    return DeliveredFile(
        folder=folder,
        name=name,
        at=moment_of(answer["LastModified"]),
        encryption=answer.get("ServerSideEncryption"),
        key_arn=answer.get("SSEKMSKeyId"),
    )
