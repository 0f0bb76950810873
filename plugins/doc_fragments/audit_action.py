# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the actions that work on an audit or an enforcement have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The audit or enforcement that an action takes, and what it never does: reach AWS or another host."""

    DOCUMENTATION = r"""
attributes:
  action:
    support: full
  async:
    support: none
  bypass_host_loop:
    support: none
  diff_mode:
    support: none
  platform:
    platforms: all
options:
  audit:
    description:
      - The audit, as M(aws_baseline.cloudtrail.cloudtrail_kms_facts) returned it
        in RV(aws_baseline.cloudtrail.cloudtrail_kms_facts#module:ansible_facts.cloudtrail_kms).
      - One of O(audit) and O(enforcement) is needed, not both.
    type: dict
    suboptions: &audit
      generated_at:
        description: When AWS was read, in UTC.
        type: str
        required: true
      collection_version:
        description: The version of this collection that judged.
        type: str
        required: true
      summary:
        description: The counts of accounts and trails.
        type: dict
        required: true
      accounts:
        description: The accounts with their trails and findings.
        type: list
        elements: dict
        required: true
  enforcement:
    description: The enforcement, as M(aws_baseline.cloudtrail.cloudtrail_kms_enforce) returned it.
    type: dict
    suboptions:
      before:
        description: The account as it was.
        type: dict
        required: true
        suboptions: *audit
      after:
        description: The account after the changes, or as a plan will leave it. Without it nothing is known of after.
        type: dict
        suboptions: *audit
      changes:
        description: The changes, in order.
        type: list
        elements: dict
        required: true
      refusals:
        description: Why nothing was done.
        type: list
        elements: str
        required: true
      errors:
        description: Why changes failed.
        type: list
        elements: str
        required: true
"""
