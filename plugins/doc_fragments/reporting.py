# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of what tells of an audit: its reports, and what fails it."""

    DOCUMENTATION = r"""
options:
  reports:
    description:
      - The reports to write to O(report_dir).
      - V(json) is the file C(cloudtrail-kms.json), the audit with its keys sorted. After an enforcement it holds the
        accounts after the changes, or before them if the changes are only planned.
      - V(html) is the file C(cloudtrail-kms.html), a page for people; V(csv) C(cloudtrail-kms.csv), for spreadsheets;
        V(junit) C(cloudtrail-kms-junit.xml), for CI; V(ocsf) C(cloudtrail-kms-ocsf.json), Compliance Findings of the
        Open Cybersecurity Schema Framework 1.5.0; V(asff) C(cloudtrail-kms-asff.json), for AWS Security Hub.
    type: list
    elements: str
    choices: [html, json, csv, junit, ocsf, asff]
    default: []
  report_dir:
    description:
      - A directory on the control node, created if its parent exists. Required if O(reports) is not empty and
        O(report_bucket) is not set.
      - A relative path starts at the directory in which C(ansible-playbook) was started.
      - An existing report is replaced as a whole. Reports have mode 0640.
      - A run is refused before it reads if it would replace a report of another play of the same C(ansible-playbook) on
        another account, here or in O(report_bucket). Runs of the same play add to their report.
      - A run is also refused if its backup, or a file that it restores or joins, has the name of a report in this
        directory, such as C(cloudtrail-kms.json), even if O(reports) does not list that report.
    type: path
  report_bucket:
    description:
      - The S3 bucket to which later tasks upload the reports, as the tasks of the role do. This task writes nothing
        there.
      - Without O(report_dir), the reports are in a directory that Ansible removes when it ends.
    type: str
  report_prefix:
    description:
      - The prefix in O(report_bucket) for the reports of this run. Each run needs its own prefix.
      - The default is C(cloudtrail-kms/) and the number of the AWX job, or, outside AWX, the start time of the run,
        such as C(cloudtrail-kms/20261123T232307Z).
    type: str
  cis_version:
    description:
      - The version of the CIS AWS Foundations Benchmark whose control numbers the reports show, in addition to those of
        the other frameworks. The JSON report holds all versions.
    type: str
    choices: ["1.2", "1.3", "1.4", "1.5", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0"]
    default: "3.0"
  fail_on:
    description:
      - The verdicts that fail an account. A refusal or a failed change of an enforcement always fails it.
      - An enforcement is judged by the accounts after its changes, in check mode by their predicted state.
    type: str
    choices:
      unknown: The verdicts C(non_compliant), C(no_trails), and C(unknown), because unknown is not a pass.
      non_compliant: The verdicts C(non_compliant) and C(no_trails).
      new: What is new since the report of O(previous), that is, each finding that fails or is unknown and did not so
        then. If that report cannot be used, it is the same as V(unknown).
      never: No verdict.
    default: unknown
  previous:
    description:
      - An earlier JSON report to compare with, as a path, or as C(s3://BUCKET/PREFIX), of which the role fetches the
        newest JSON report under that prefix.
      - The table, the HTML report and the JSON report then show what is new, worse, better or gone, since when the rest
        has failed, and which exceptions end within 30 days.
      - A finding that was not judged this time is not better. It stays open, with its date, from report to report.
      - A report that cannot be used is named with the reason, and nothing is compared. This is so for a file that
        is missing or broken, and for a report of a newer version, of a later time, or about other accounts or another
        organization.
      - A relative path starts at the directory in which C(ansible-playbook) was started. It may be the report in
        O(report_dir), which is read before it is replaced.
    type: str
  previous_fetched:
    description:
      - For the role only. The report that it has fetched from the bucket in O(previous), as C(path) with its C(name),
        or C(why) there is none.
    type: dict
  table:
    description:
      - How much the terminal shows.
      - V(full) shows each trail with what was found. V(short) shows a line for each account that is not fine, and each
        finding once with all trails that it is about; of an enforcement a line for each account that changes. V(none)
        shows only the last lines, the outcome and where the files are.
      - Without it, V(full) up to 20 accounts, and V(short) beyond.
    type: str
    choices: [full, short, none]
  fail_on_drift:
    description:
      - In check mode, fail every account that an enforcement would change, and every account that fails in its present
        state.
      - For those who use the check mode of an enforcement as their audit. It has no effect in other runs.
    type: bool
    default: false
  require_organization_trail:
    description:
      - Fail every account that no active multi-Region organization trail covers, regardless of O(fail_on).
    type: bool
    default: false
"""

    FILTERS = r"""
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
options:
  _input:
    description:
      - An audit, as M(aws_baseline.cloudtrail.cloudtrail_kms_facts) returns it in C(ansible_facts.cloudtrail_kms), or
        the content of the report C(cloudtrail-kms.json).
    type: dict
    required: true
  cis_version:
    description:
      - The version of the CIS AWS Foundations Benchmark whose control numbers the report shows, in addition to those of
        the other frameworks.
    type: str
    choices: ["1.2", "1.3", "1.4", "1.5", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0"]
    default: "3.0"
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
  - module: aws_baseline.cloudtrail.cloudtrail_kms_run
"""
