# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No two files of a run have one name in one place; which would replace which is found out before AWS is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._destination import refuse_one_place
from tests.unit.action.running import NEVER_ASKED, run

NOTHING: dict[str, Any] = {"report_dir": None, "report_bucket": None, "audits": []}


@pytest.mark.parametrize("name", [each.file_name for each in FORMATS.values()])
@pytest.mark.parametrize("reports", [["json"], []])
def test_a_backup_is_no_report(name: str, reports: list[str], tmp_path: Path) -> None:
    """A report of any format, asked for today or by the next audit, by whatever way its directory is named."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(AnsibleActionFail) as refused:
        run(NEVER_ASKED, mode="enforce", reports=reports, report_dir=str(link), backup_path=str(tmp_path / name))
    assert str(refused.value) == (
        f"The file {tmp_path / name} of backup_path and a report in {link} of report_dir would have one name, and one "
        "would replace the other. Give cloudtrail_kms_backup_path another name than those of reports, or "
        "cloudtrail_kms_report_dir another place."
    )


@pytest.mark.parametrize(
    ("own", "options"),
    [
        ({"report_dir": "/a"}, {"backup_path": "/a/b/../CloudTrail-KMS.json"}),
        ({"report_dir": "/a"}, {"restore": "/a/cloudtrail-kms.json"}),
        ({"report_dir": "/a"}, {"restore": ["/b/1.json", "/a/cloudtrail-kms.json"]}),
        ({"report_dir": "/a", "audits": ["/a/cloudtrail-kms.json"]}, {}),
    ],
)
def test_what_would_be_replaced_is_refused(own: dict[str, Any], options: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail, match="would have one name"):
        refuse_one_place({**NOTHING, **own}, options)


@pytest.mark.parametrize(
    ("own", "options"),
    [
        ({}, {"backup_path": "/a/cloudtrail-kms.json"}),
        ({"report_dir": "/a", "report_bucket": "reports"}, {"backup_path": "/a/backup.json"}),
        ({"report_bucket": "reports"}, {"backup_path": "/a/cloudtrail-kms.json"}),
        ({"report_dir": "/a"}, {"backup_path": "/b/cloudtrail-kms.json", "restore": None}),
        ({"report_bucket": "reports"}, {"restore": "/b/cloudtrail-kms.json"}),
    ],
)
def test_files_that_do_not_meet_may_be_called_as_they_are(own: dict[str, Any], options: dict[str, Any]) -> None:
    refuse_one_place({**NOTHING, **own}, options)
