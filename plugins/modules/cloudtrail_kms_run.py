#!/usr/bin/python
# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudtrail_kms_run
short_description: Audit or enforce the encryption of CloudTrail trails, show it as tables, write the reports, and judge
version_added: 0.1.0
description:
  - Runs M(aws_baseline.cloudtrail.cloudtrail_kms_facts) or M(aws_baseline.cloudtrail.cloudtrail_kms_enforce) and takes
    every option of theirs beside its own.
  - Prints a table with one row for each trail and, under it, what is wrong and what to do. Of an enforcement it prints
    beside that what is changed, and each trail's verdict before and after.
  - Nothing is printed or logged under C(no_log), nor with a callback whose output programs read, C(ansible.posix.json),
    C(ansible.posix.jsonl) or C(null).
  - Writes the audit to files that other programs read, on request.
  - Judges every account by O(fail_on), and keeps for each host why it fails, so that
    M(aws_baseline.cloudtrail.cloudtrail_kms_judge) can fail it. It fails itself only where nothing could be read, or a
    report not be written.
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.flow
  - aws_baseline.cloudtrail.reporting
attributes:
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
  check_mode:
    support: full
    details:
      - The reports are written in check mode too, since a dry run wants them as well.
  diff_mode:
    support: full
  platform:
    platforms: all
options:
  variables:
    description:
      - Takes all options that the mode knows from the variables of the role, each from that of its name behind this
        prefix, whatever level of precedence sets it. They go before the options of the task, but for O(mode).
      - A variable may be a text, as C(--extra-vars) and surveys give it. One that is null is not set. One that is
        empty, undefined, or of another type than its option is refused by its name.
      - Any other variable under the prefix, of any of O(hosts), is refused with the names that it may be meant for.
    type: str
    choices: [cloudtrail_kms_]
  new_bucket:
    description:
      - The role's own. Whether the bucket of C(create_trail) is created between check mode and run, see
        O(aws_baseline.cloudtrail.cloudtrail_kms_enforce#module:create_trail.new_bucket).
    type: bool
  mode:
    description:
      - V(audit) reads and judges, V(enforce) changes what does not comply as well.
      - In an audit the options that only an enforcement knows are left aside, so that one set of them serves both.
      - V(restore) enforces what the files in C(restore) hold, and fails without one.
    type: str
    choices: [audit, enforce, restore]
    default: audit
  hosts:
    description:
      - The name of the variable that M(aws_baseline.cloudtrail.cloudtrail_kms_host) is registered in. The run is about
        the hosts that it has marked. Each stands for the account in which its variable C(cloudtrail_kms_assume_role)
        names a role. O(variables) are needed as well.
      - Without this option, and with O(variables), the run is about this host; without both about the account of
        C(assume_role), or of the credentials.
      - Of several hosts, and of one with the variable C(cloudtrail_kms_account), which the inventory plugin
        P(aws_baseline.cloudtrail.aws_accounts#inventory) sets, the accounts are read in one sweep, and one that cannot
        be entered is C(unknown).
      - An account that the inventory plugin has read as V(SUSPENDED), V(CLOSED), V(PENDING_CLOSURE) or
        V(PENDING_ACTIVATION) is C(not_applicable); nothing is asked of it. The C(name) in C(cloudtrail_kms_account)
        names the account in table and reports.
      - With O(variables) each account is judged by its own C(readers), C(rules), C(exceptions), C(approved_keys),
        C(trails) and C(regions), and enforced by its own C(key), C(key_id), C(statements), C(create_trail),
        C(replace_compliant_key) and C(allow_) options, as Ansible gives them to the task that marks its host, whatever
        level of precedence sets them. It is entered by its own C(assume_role).
      - All else belongs to the run. Hosts between which another option, C(environment), C(module_defaults) or a
        variable of the connection differs are refused, and so are two hosts of one account that want different
        things, and a task that has another of these than the one that marks the hosts.
      - With O(mode=enforce) the accounts of these hosts are changed, and no others. The other hosts of the play,
        also those that a C(when) or a rescue leaves out, lend read access to the keys and buckets that they own.
      - Where there are several, a task without C(run_once) is refused, since each host would begin the run. So are the
        strategies C(free) and C(host_pinned), which know no such task.
    type: str
seealso:
  - module: aws_baseline.cloudtrail.cloudtrail_kms_host
  - module: aws_baseline.cloudtrail.cloudtrail_kms_join
  - module: aws_baseline.cloudtrail.cloudtrail_kms_enforce
  - module: aws_baseline.cloudtrail.cloudtrail_kms_facts
"""

EXAMPLES = r"""
- name: Audit the account, show the table and keep the audit as a file
  aws_baseline.cloudtrail.cloudtrail_kms_run:
    regions: [eu-central-1]
    reports: [json]
    report_dir: reports
    fail_on: non_compliant
  register: audit

- name: Fail where a trail is known to fall short, but not where a key could not be read
  ansible.builtin.assert:
    that: audit.failing == 0

- name: Plan what it takes to bring the account to compliance, and show the plan
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
uploads:
  description:
    - The files that are to go into O(report_bucket), the reports and the backup of an enforcement that wrote one.
      It is empty without O(report_bucket).
    - A report replaces that of an earlier run there. A backup needs a name of its own, to which the role adds the time.
  returned: success
  type: list
  elements: str
  sample: [/srv/audit/reports/cloudtrail-kms.json]
carried:
  description:
    - Whether the reports have to be brought to who puts them into the bucket, on another host or by C(become_user).
  returned: when RV(uploads) is not empty
  type: bool
  sample: false
report_objects:
  description: Where in the bucket RV(uploads) are to go, the same for all hosts of a run.
  returned: when RV(uploads) is not empty
  type: dict
  contains:
    bucket:
      description: The O(report_bucket).
      type: str
      sample: audit-reports
    prefix:
      description: The O(report_prefix), or the one that stands for this run, without a slash at its end.
      type: str
      sample: cloudtrail-kms/4711
summary:
  description:
    - How many accounts were judged, how many of them have each verdict, and how many trails there are and are excepted.
    - Of an enforcement it counts the accounts after the changes, or before them where they are only planned.
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
failing:
  description: How many accounts fail.
  returned: success
  type: int
  sample: 1
results:
  description:
    - Where what was found of each host lies, for M(aws_baseline.cloudtrail.cloudtrail_kms_judge), on the control node
      until C(ansible-playbook) ends. Only who runs it can read there.
    - What is registered stays small so, however many accounts there are.
  returned: success
  type: dict
  sample: {"directory": "/home/me/.ansible/tmp/ansible-local-1/cloudtrail-kms-results-2", "key": "..."}
backup_path:
  description: The file that holds what an enforcement replaced.
  returned: when anything was replaced and O(ignore:backup_path) is given
  type: str
  sample: /var/backups/cloudtrail-kms.json
counts:
  description: How many changes of an enforcement have each status, and how much was refused and failed.
  returned: when O(mode=enforce) and an account is in use
  type: dict
  sample: {"planned": 0, "applied": 4, "failed": 0, "not_attempted": 0, "refusals": 0, "errors": 0}
added_up:
  description: Whether the reports hold what an earlier batch or loop of the play has found as well.
  returned: success
  type: bool
  sample: false
"""
