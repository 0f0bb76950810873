# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the reports of a run go: a directory and, from there, the S3 bucket to which the role uploads them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail

from ._formats import FORMATS

# Asked when this file is imported, which Ansible does in its main process: it is the same for all hosts of a run.
STARTED = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
FOLDER = "cloudtrail-kms"


def unkept(what: str, error: Exception) -> str:
    """Return why something is not in Ansible's temporary directory, and the next step: AWS may have been changed."""
    reason = getattr(error, "strerror", None) or str(error)
    where = getattr(error, "filename", None) or constants.DEFAULT_LOCAL_TMP
    return (
        f"{what} cannot be kept in {where}: {reason}. Whatever was changed in AWS stays changed. Make room there, "
        "or let ANSIBLE_LOCAL_TEMP name a directory that has room and stays until the end, and run again."
    )


def passing_directory() -> str:
    """Make a directory for reports on their way to a bucket. Ansible removes it when it ends."""
    return tempfile.mkdtemp(prefix=f"{FOLDER}-", dir=constants.DEFAULT_LOCAL_TMP)


def refuse_one_place(run_options: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raise AnsibleActionFail if a report and another file of the run, written or read, would be the same file.

    `options` are those of the module. A backup beside the reports must not have the name of any report, whether its
    format is requested or not; some file systems do not distinguish upper and lower case. In a bucket the name of a
    backup ends in the time.
    """
    if not run_options["report_dir"]:
        return
    names = {each.file_name for each in FORMATS.values()}
    read = {"restore": options.get("restore") or [], "audits": run_options["audits"] or []}
    for option, paths in {"backup_path": [options.get("backup_path") or ""], **read}.items():
        for path in [paths] if isinstance(paths, str) else paths:
            folder, name = os.path.split(os.path.abspath(path))
            if name.lower() in names and os.path.realpath(folder) == os.path.realpath(run_options["report_dir"]):
                raise AnsibleActionFail(
                    f"The file {path} of {option} and a report in {run_options['report_dir']} of report_dir would have "
                    f"one name, and one would replace the other. Give cloudtrail_kms_{option} another name than those "
                    "of reports, or cloudtrail_kms_report_dir another place."
                )


def report_objects(bucket: str, prefix: str | None, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return `bucket` and `prefix`: the reports of each host go under `prefix/HOST/`.

    The default prefix is that of the run: the number of the job in AWX, from the variable `awx_job_id` (AWX user guide,
    "Extra Variables"), elsewhere the time at which the run began.
    """
    return {
        "bucket": bucket,
        "prefix": prefix.strip("/") if prefix else f"{FOLDER}/{variables.get('awx_job_id', STARTED)}",
    }


def uploads(
    run_options: Mapping[str, Any], files: Sequence[str], variables: Mapping[str, Any], connection: Any
) -> dict[str, Any]:
    """Return which files go into the bucket, and where, for the tasks that upload them.

    The reports are copied first if another machine uploads them, or perhaps another user: only the user who runs
    ansible-playbook can enter the directory of the reports.
    """
    if not files or not run_options["report_bucket"]:
        return {"uploads": []}
    return {
        "uploads": [*files],
        "carried": connection.transport != "local" or connection.become is not None,
        "report_objects": report_objects(run_options["report_bucket"], run_options["report_prefix"], variables),
    }
