# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbooks of this collection write into the lines of a play: its hosts and its batches."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cloudtrail_kms_play
short_description: The hosts of a play and its batches, for the playbooks of this collection
version_added: 1.0.0
description:
  - Returns what a play of this collection takes for one of its keywords, from the variable of that name.
  - Fails where the play would have no host or no task, since Ansible skips such a play and calls the run a success.
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
options:
  _terms:
    description:
      - The keyword of the play. V(hosts) are those of C(cloudtrail_kms_hosts), or V(localhost). V(serial) and
        V(max_fail_percentage) are C(cloudtrail_kms_serial) and C(cloudtrail_kms_max_fail_percentage), or, where these
        are not set and in check mode, one batch that never ends the play.
    type: str
    choices: [hosts, serial, max_fail_percentage]
    required: true
  hosts:
    description: The pattern of the hosts, in place of C(cloudtrail_kms_hosts).
    type: str
"""

EXAMPLES = r"""
# As in the playbook audit of this collection. In your own play write the hosts themselves.
- name: Audit the encryption of CloudTrail trails
  hosts: "{{ query('aws_baseline.cloudtrail.cloudtrail_kms_play', 'hosts') }}"
  gather_facts: false
  tasks:
    - name: Audit the accounts of all hosts at once, and judge each
      ansible.builtin.import_role:
        name: aws_baseline.cloudtrail.cloudtrail_kms
        tasks_from: audit
"""

RETURN = r"""
_list:
  description: Patterns of hosts, sizes of batches, or one percentage.
  type: list
  elements: raw
"""

from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils._printable import printable
from ..plugin_utils._hosts import HostsError, VariablesError, batches, most_failures, patterns


class LookupModule(LookupBase):
    """Ask for one keyword at a time, as a play has them."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[Any]:
        """Return the values for the keyword."""
        self.set_options(var_options=variables, direct=options)
        known = variables or {}
        try:
            if terms == ["serial"]:
                return batches(known, self._templar)
            if terms == ["max_fail_percentage"]:
                return [most_failures(known, self._templar)]
            return patterns(self.get_option("hosts"), known, self._templar, self._loader, context.CLIARGS)
        except (HostsError, VariablesError) as error:
            raise AnsibleLookupError(printable(str(error))) from None
