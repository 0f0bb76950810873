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
      - V(json) is the file C(cloudtrail-kms.json), which holds the audit with its keys sorted; of an enforcement the
        accounts after the changes, or before them where they are only planned.
      - V(html) is the file C(cloudtrail-kms.html), a page for people; V(csv) C(cloudtrail-kms.csv), for spreadsheets;
        V(junit) C(cloudtrail-kms-junit.xml), for CI; V(ocsf) C(cloudtrail-kms-ocsf.json), Compliance Findings of the
        Open Cybersecurity Schema Framework 1.5.0; V(asff) C(cloudtrail-kms-asff.json), for AWS Security Hub.
    type: list
    elements: str
    choices: [html, json, csv, junit, ocsf, asff]
    default: []
  report_dir:
    description:
      - An existing directory on the control node, needed when O(reports) is not empty and there is no O(report_bucket).
      - A relative path starts at the directory that C(ansible-playbook) was called from.
      - A report that is there already is replaced as a whole. Its mode is 0640.
      - One that another play of the same C(ansible-playbook) has made on another account is not replaced, here and in
        O(report_bucket). The run that would do so is refused before it reads. To one of the same play it is added.
      - A run is refused as well whose backup, or a file that it restores or joins, has the name of a report there, such
        as C(cloudtrail-kms.json), whether that is in O(reports) or not.
    type: path
  report_bucket:
    description:
      - The S3 bucket that tasks after this one put the reports into, as those of the role do. The action itself writes
        nothing there.
      - Without O(report_dir) the reports lie in a directory that Ansible removes when it ends.
    type: str
  report_prefix:
    description:
      - Under what in O(report_bucket) the reports of this run go. Each run needs a folder of its own below it.
      - Without it, C(cloudtrail-kms/) and the number of the AWX job, or where that is not known the time at which the
        run began, such as C(cloudtrail-kms/20261123T232307Z).
    type: str
  cis_version:
    description:
      - The version of the CIS AWS Foundations Benchmark whose numbers the reports give, beside those of the other
        frameworks. The JSON holds all of them.
    type: str
    choices: ["1.2", "1.3", "1.4", "1.5", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0"]
    default: "3.0"
  fail_on:
    description:
      - The verdicts that fail an account. What an enforcement was refused or failed to do fails it in any case.
      - An enforcement is judged by the account after its changes, in check mode by the account as these would leave it.
    type: str
    choices:
      unknown: The verdicts C(non_compliant), C(no_trails), and C(unknown), since what could not be judged is no pass.
      non_compliant: The verdicts C(non_compliant) and C(no_trails).
      never: No verdict.
    default: unknown
  fail_on_drift:
    description:
      - In check mode, fail every account that an enforcement would change, and every account that fails as it is now.
      - For an audit that is the check mode of an enforcement. It means nothing to others.
    type: bool
    default: false
  require_organization_trail:
    description:
      - Whether every account fails that no multi-Region trail of its organization covers, or one that is switched off,
        whatever O(fail_on) says.
    type: bool
    default: false
"""
