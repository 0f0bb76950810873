#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_run
short_description: Audit or enforce the encryption of CloudTrail trails, print tables, write reports, and judge
version_added: 1.0.0
description:
  - Runs M(aws_baseline.cloudtrail.cloudtrail_kms_facts) or M(aws_baseline.cloudtrail.cloudtrail_kms_enforce), and
    accepts all of their options in addition to its own.
  - Prints a table with one row for each trail and, below it, what is wrong and what to do. For an enforcement it also
    prints the changes, and each trail's verdict before and after.
  - Prints and logs nothing under C(no_log), or with a callback for programs, C(ansible.posix.json),
    C(ansible.posix.jsonl) or C(null).
  - Writes reports on request.
  - Judges every account by O(fail_on), and records for each host why it fails, so that
    M(aws_baseline.cloudtrail.cloudtrail_kms_judge) can fail the host. The task itself fails only if nothing could be
    read, or if a report could not be written.
extends_documentation_fragment:
  - aws_baseline.cloudtrail.attributes.action
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
  - aws_baseline.cloudtrail.reporting
attributes:
  check_mode:
    details:
      - The reports are written in check mode too.
  diff_mode:
    support: full
options:
  variables:
    description:
      - Takes all options of the mode from the variables of the role, that is, from this prefix followed by the name of
        the option, at any level of precedence. They override the options of the task, except O(mode).
      - A variable may be a string, as C(--extra-vars) and surveys set it. A null variable counts as not set. A variable
        that is empty, undefined, or not of the type of its option is refused by name.
      - Any other variable with this prefix, on any of O(hosts), is refused with the closest known names.
    type: str
    choices: [cloudtrail_kms_]
  new_bucket:
    description:
      - For the role only. Whether the bucket in C(create_trail) will be created between the check mode run and the run,
        see O(aws_baseline.cloudtrail.cloudtrail_kms_enforce#module:create_trail.new_bucket).
    type: bool
  made:
    description:
      - For the role only. What it has made of RV(left_to_the_role) before this run, which lists it first.
    type: list
    elements: dict
    default: []
  mode:
    description:
      - V(audit) reads and judges. V(enforce) also changes what is not compliant.
      - An audit ignores the options that apply only to an enforcement, so that one set of options works for both.
      - V(restore) puts back what the files in C(restore) hold, and fails if there are none.
    type: str
    choices: [audit, enforce, restore]
    default: audit
  hosts:
    description:
      - The name of the variable that M(aws_baseline.cloudtrail.cloudtrail_kms_host) is registered in. The run covers
        the hosts that this module has marked. Each host stands for the account of the role in its variable
        C(cloudtrail_kms_assume_role). Requires O(variables).
      - Without this option but with O(variables), the run covers this host. Without both, it covers the account of
        C(assume_role), or of the credentials. If several hosts start a run each, enforcements take turns.
      - The accounts of several hosts are read in one sweep, and an account whose role cannot be assumed is C(unknown).
        So is the account of a single host that has the variable C(cloudtrail_kms_account), which the inventory plugin
        P(aws_baseline.cloudtrail.aws_accounts#inventory) sets.
      - An account that the inventory plugin has read as V(SUSPENDED), V(CLOSED), V(PENDING_CLOSURE) or
        V(PENDING_ACTIVATION) is C(not_applicable), and the run does not read it. The table and the reports show the
        C(name) in C(cloudtrail_kms_account).
      - With O(variables), each account has its own options, as set at any level of precedence for the task that marks
        its host. C(readers), C(rules), C(exceptions), C(approved_keys), C(trails) and C(regions) judge it. C(key),
        C(key_id), C(statements), C(create_trail), C(replace_compliant_key), C(change_managed) and the C(allow_) options
        apply to its enforcement. C(assume_role) is the role to enter it.
      - All other options must be the same for all hosts, and so must C(environment), C(module_defaults), C(check_mode),
        C(no_log), C(delegate_to), C(become), and the connection variables; otherwise the run is refused. It is also
        refused if two hosts of one account have different options, or if this task has other such settings than the
        task that marks the hosts.
      - With O(mode=enforce), the run changes the accounts of these hosts and no others. It reads keys and buckets with
        the roles of all hosts of the play, including those that a C(when) or a rescue leaves out.
      - With several hosts, the task must have C(run_once), or each host would start the run. The strategies C(free) and
        C(host_pinned) are refused because they do not support C(run_once).
    type: str
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_host
  - module: aws_baseline.cloudtrail.cloudtrail_kms_join
  - module: aws_baseline.cloudtrail.cloudtrail_kms_enforce
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
"""

EXAMPLES = r"""
- name: Audit the account, show the table and write the audit to a file
  aws_baseline.cloudtrail.cloudtrail_kms_run:
    regions: [eu-central-1]
    reports: [json]
    report_dir: reports
    fail_on: non_compliant
  register: audit

- name: Fail if a trail is non_compliant, but not if a key could not be read
  ansible.builtin.assert:
    that: audit.failing == 0

- name: Plan the changes that make the account compliant, and show the plan
  aws_baseline.cloudtrail.cloudtrail_kms_run:
    mode: enforce
  check_mode: true
"""

RETURN = r"""
reports:
  description: The paths of the reports that were written.
  returned: success
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
replaced:
  description: Those of RV(reports) that replaced a file of an earlier play.
  returned: when O(reports) is set
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
uploads:
  description:
    - The files to upload to O(report_bucket), that is, the reports and the backup of an enforcement, if it wrote one.
      Empty without O(report_bucket).
    - A report replaces the report of an earlier run in the bucket. A backup must not, so the role adds the time to its
      name.
  returned: success
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
carried:
  description:
    - Whether the reports must first be copied to where the upload runs, on another host or as C(become_user).
  returned: when RV(uploads) is not empty
  type: bool
  sample: false
report_objects:
  description: Where to upload RV(uploads), the same for all hosts of a run.
  returned: when RV(uploads) is not empty
  type: dict
  contains:
    bucket:
      description: The O(report_bucket).
      type: str
      sample: audit-reports
    prefix:
      description: The O(report_prefix), or the default prefix of this run, without a trailing slash.
      type: str
      sample: cloudtrail-kms/4711
summary:
  description:
    - How many accounts were judged, how many have each verdict, how many trails there are, and how many are excepted.
    - For an enforcement, the accounts after the changes, or before them if the changes are only planned.
  returned: success
  type: dict
  sample:
    accounts: 1
    trails: 6
    compliant: 0
    non_compliant: 1
    unknown: 0
    no_trails: 0
    not_applicable: 0
    excepted: 0
comparison:
  description:
    - What changed since the report of O(previous), over all that the play has read so far. The C(sentence) is for a
      notification. Also the time of the C(previous) report, empty with the reason C(why) where it cannot be used, and
      how long each list of the C(comparison) in the JSON report is.
  returned: when O(previous) is set
  type: dict
  sample:
    sentence: 2 new failures, 1 fixed, 5 still failing (oldest since 2026-10-02)
    previous: "2026-11-28T05:00:00+00:00"
    why: ""
    new: 1
    worse: 1
    better: 1
    gone: 0
    still: 5
    not_judged: 0
    expiring: 0
failing:
  description: How many accounts fail.
  returned: success
  type: int
  sample: 1
results:
  description:
    - Where the result of each host is stored for M(aws_baseline.cloudtrail.cloudtrail_kms_judge), on the control node
      until C(ansible-playbook) ends. Only the user who runs it can read it.
    - This keeps the registered variable small for any number of accounts.
  returned: success
  type: dict
  sample: {"directory": "/home/me/.ansible/tmp/ansible-local-1/cloudtrail-kms-results-2", "key": "..."}
backup_path:
  description: The file with everything that the enforcement replaced.
  returned: when anything was replaced and O(ignore:backup_path) is set
  type: str
  sample: /var/backups/cloudtrail-kms.json
counts:
  description: How many changes of an enforcement have each status, and how many refusals and errors there were.
  returned: when O(mode=enforce) and at least one account is active
  type: dict
  sample: {"planned": 0, "applied": 4, "failed": 0, "not_attempted": 0, "refusals": 0, "errors": 0}
left_to_the_role:
  description: The planned changes that the role makes before the run, buckets to create, each with its diff.
  returned: when O(mode=enforce) and at least one account is active
  type: list
  elements: dict
  sample: []
added_up:
  description: Whether the reports also hold the results of earlier batches or loops of the play.
  returned: success
  type: bool
  sample: false
"""
