# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the newest digest file adds to the finding, whatever that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._assess import subject_of
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._digests import digest_folders
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import (
    DeliveredFile,
    LogFolder,
    Organization,
    TrailProof,
)
from tests.unit.checks.build import ACCOUNT, KEY_ARN, snapshot
from tests.unit.checks.test_proof_rule import (
    HISTORY_DENIED,
    HOUR,
    LOG,
    NOT_OBJECT,
    OBJECTS,
    OTHER_KEY,
    PROOF,
    ago,
    proven,
)

PATH = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1"
FOLDER = LogFolder(PATH, f"{ACCOUNT}_CloudTrail-Digest_us-east-1_main_us-east-1_", "us-east-1", of_digests=True)
DIGEST = DeliveredFile(FOLDER, f"{PATH}/digest", ago(30), "aws:kms", KEY_ARN)
FOREIGN, BARE = replace(DIGEST, key_arn=OTHER_KEY), replace(DIGEST, encryption="AES256", key_arn=None)
OF = f"{PATH}/digest of 2026-11-23T11:30:00+00:00, "


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param(replace(PROOF, files=(LOG,)), id="pass"),
        pytest.param(replace(PROOF, trail=HOUR, files=(replace(LOG, key_arn=OTHER_KEY),)), id="fail"),
        pytest.param(TrailProof(HISTORY_DENIED, HISTORY_DENIED, HISTORY_DENIED, None), id="unknown"),
    ],
)
@pytest.mark.parametrize("digest", [DIGEST, FOREIGN, BARE, DeliveredFile(FOLDER), NOT_OBJECT])
def test_it_adds_a_note_and_changes_nothing(digest: DeliveredFile, proof: TrailProof) -> None:
    without, found = proven(proof, OBJECTS), proven(replace(proof, digest=digest), OBJECTS)
    assert (found.status, found.remediation, found.level) == (without.status, without.remediation, without.level)
    assert found.message.startswith(f"{without.message} ")
    assert {name: each for name, each in found.evidence.items() if name != "newest_digest"} == without.evidence


@pytest.mark.parametrize(
    ("digest", "words", "evidence"),
    [
        (DIGEST, "is encrypted under the trail's key.", f"{OF}under {KEY_ARN}"),
        (FOREIGN, f"is encrypted under {OTHER_KEY}, not under the trail's key.", f"{OF}under {OTHER_KEY}"),
        (BARE, "is encrypted with AES256, under no KMS key, not under", f"{OF}with AES256, under no KMS key"),
    ],
)
def test_how_it_is_encrypted(digest: DeliveredFile, words: str, evidence: str) -> None:
    found = proven(replace(PROOF, digest=digest), OBJECTS)
    assert f"The newest digest file, of 2026-11-23T11:30:00+00:00, {words}" in found.message
    assert found.evidence["newest_digest"] == evidence


def test_the_folder_is_that_of_the_own_account_in_the_home_region() -> None:
    read = replace(
        snapshot({"log_file_validation": True}),
        regions=("us-east-1", "us-west-2"),
        organization=Organization("o-exampleorg1", ACCOUNT),
    )
    (trail,) = read.trails
    assert list(digest_folders(subject_of(read, trail, OBJECTS))) == [FOLDER]
    (folder,) = digest_folders(subject_of(read, replace(trail, organization_trail=True), OBJECTS))
    assert folder == replace(FOLDER, path=PATH.replace("AWSLogs/", "AWSLogs/o-exampleorg1/"))
    assert not list(digest_folders(subject_of(read, replace(trail, log_file_validation=False), OBJECTS)))


def test_without_a_known_organization_there_is_none() -> None:
    read = snapshot({"log_file_validation": True, "organization_trail": True})
    assert not list(digest_folders(subject_of(read, read.trails[0], OBJECTS)))
