# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts of an AWS organization as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: aws_accounts
short_description: The accounts of an AWS organization as hosts
version_added: 1.0.0
description:
  - Reads the accounts of an organization with their OUs and tags, and adds a host for each. The host name is the
    account id, which is unique and never changes.
  - All hosts are in the group C(aws_accounts), in the order of their ids. The management account comes last,
    so that a play in batches reaches it last.
  - Each host has the variable C(cloudtrail_kms_account), a dictionary of C(id), C(arn), C(name), C(email), C(state),
    C(management), C(ou_ids), C(ou_path) and C(tags).
  - Roles run on the control node. They assume O(role_name) in the host's account if they read
    C(cloudtrail_kms_assume_role), as P(aws_baseline.cloudtrail.cloudtrail_kms#role) does.
  - The name of the configuration file must end in C(aws_accounts.yml) or C(aws_accounts.yaml).
  - The credentials must be of the organization's management account or of a delegated administrator, and allow
    C(organizations:ListAccounts), C(organizations:ListRoots), C(organizations:ListOrganizationalUnitsForParent),
    C(organizations:ListAccountsForParent), C(organizations:ListParents) and C(organizations:ListTagsForResource).
extends_documentation_fragment:
  - aws_baseline.cloudtrail.connection
  - aws_baseline.cloudtrail.connection.plugins
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
author:
  - The aws_baseline.cloudtrail maintainers (@aws-baseline)
notes:
  - The default region is V(us-east-1), which is right for the whole partition C(aws). In another partition, set one of
    its regions.
  - The plugin makes one call for every twenty accounts, two or more for each OU, and one for each account whose tags it
    reads.
  - Ansible ignores an inventory that it cannot read. Set E(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true) to make it
    stop. The playbooks of this collection stop by themselves if no host is left.
options:
  aws_ca_bundle:
    description: The file of the certificate authorities for the certificates of AWS, or of a proxy in between.
    type: path
    env:
      - name: AWS_CA_BUNDLE
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [aws_baseline.cloudtrail.aws_accounts]
  role_name:
    description:
      - The role to assume in each account, with its path if it has one, such as V(audit/CloudTrailKmsAudit).
      - Without it, the hosts get no C(cloudtrail_kms_assume_role).
    type: str
  external_id:
    description: The external id that the role's trust policy requires.
    type: str
  ous:
    description:
      - Select only accounts in these OUs and the OUs below them. Name an OU by id or by its path below the root, such
        as V(/Workloads/Production).
    type: list
    elements: str
    default: []
  tags:
    description: Select only accounts that have all these tags, each with the given value or one of a list of values.
    type: dict
    default: {}
  states:
    description:
      - Select only accounts in these states.
      - By default, accounts in all states are selected, so that none is missing from a report. The role reports
        accounts that are not V(ACTIVE) as C(not_applicable), and does not read them.
    type: list
    elements: str
    choices: [PENDING_ACTIVATION, ACTIVE, SUSPENDED, PENDING_CLOSURE, CLOSED]
    default: []
  include_accounts:
    description: Select only the accounts with these ids. Put the ids in quotes.
    type: list
    elements: str
    default: []
  exclude_accounts:
    description: Leave out the accounts with these ids. Put the ids in quotes.
    type: list
    elements: str
    default: []
  management_account:
    description: Whether to include the management account.
    type: bool
    default: true
  read_tags:
    description: Whether to read the tags, which needs a call for each account.
    type: bool
    default: true
"""

EXAMPLES = r"""
# organization.aws_accounts.yml: all accounts, each read through the role CloudTrailKmsAudit
plugin: aws_baseline.cloudtrail.aws_accounts
role_name: CloudTrailKmsAudit
external_id: audit-2026

---
# production.aws_accounts.yml: the active accounts of an OU that are tagged as production, in groups
plugin: aws_baseline.cloudtrail.aws_accounts
role_name: CloudTrailKmsAudit
external_id: audit-2026
ous: [/Workloads]
tags:
  environment: [production, staging]
states: [ACTIVE]
exclude_accounts: ["333333333333"]
management_account: false
keyed_groups:
  - key: cloudtrail_kms_account.tags.environment
    prefix: environment
groups:
  web: cloudtrail_kms_account.tags.team | default("") == "web" # not every account has the tag
compose:
  # One account whose role has an external id of its own
  cloudtrail_kms_assume_role: >-
    cloudtrail_kms_assume_role | combine({"external_id": "archive-2024"}
    if cloudtrail_kms_account.id == "444444444444" else {})
strict: true
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /var/cache/aws_accounts
cache_timeout: 3600
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from difflib import get_close_matches
from typing import Any

from ansible.errors import AnsibleParserError
from ansible_collections.amazon.aws.plugins.plugin_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.plugin_utils.inventory import AWSInventoryBase

from ..module_utils._aws import AwsError, open_organization, read_organization, with_tags
from ..module_utils._model import OrganizationAccount
from ..module_utils._printable import printable
from ..module_utils._scope import Role
from ..plugin_utils._hosts import (
    UNREAD,
    Selection,
    SelectionError,
    host_variables,
    kept_accounts,
    select,
    select_by_tags,
)

try:
    from ansible.template import trust_as_template
except ImportError:  # Before ansible-core 2.19 every text was a template unless it was wrapped.
    from ansible.utils.unsafe_proxy import wrap_var as no_template

    def trust_as_template(value: str) -> str:
        """Return the text as it is."""
        return value
else:

    def no_template(value: Any) -> Any:
        """Return the value as it is: no text is a template that was not said to be one."""
        return value


GROUP = "aws_accounts"
LIMITS = ("ous", "tags", "states", "include_accounts")
# Of the control node that runs the play, which need not be the one that reads the inventory.
INTERPRETER = "{{ ansible_playbook_python }}"


class InventoryModule(AWSInventoryBase):
    """Reads the organization, selects, and makes hosts."""

    NAME = "aws_baseline.cloudtrail.aws_accounts"
    INVENTORY_FILE_SUFFIXES = ("aws_accounts.yml", "aws_accounts.yaml")

    def _read_config_data(self, path: str) -> Any:
        """Read the configuration file; AnsibleParserError names an option that there is not.

        Ansible passes over it, and a misspelt `ous` would select every account. So would an empty one.
        """
        config = super()._read_config_data(path)
        definitions = self.option_definitions
        known = {*definitions, *(alias for each in definitions.values() for alias in each.get("aliases") or ())}
        for name in config.keys() - known:
            close = get_close_matches(name, known, n=3)
            meant = f"; did you mean {' or '.join(close)}?" if close else f". There are {', '.join(sorted(known))}."
            raise AnsibleParserError(f"{path}: unknown option {name}{meant}")
        for name in LIMITS:
            if name in config and not config[name]:
                raise AnsibleParserError(
                    f"{path}: option {name} is empty, which would select every account. Remove it, or say which."
                )
        return config

    def _set_frozen_credentials(self) -> None:
        """Leave the role of assume_role_arn to `_read`.

        The session name that amazon.aws makes of this plugin's name has 66 characters; STS takes 64 (API reference,
        AssumeRole, RoleSessionName).
        """

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Make the hosts of a configuration file; AnsibleParserError says why there are none, not even a part."""
        before = {*inventory.hosts}
        UNREAD.pop(path, None)
        try:
            self._parse(inventory, loader, path, cache=cache)
        except Exception as error:
            UNREAD[path] = str(error)
            # A host that is not in all of its groups would be in what leaves them out.
            for host in [host for name, host in inventory.hosts.items() if name not in before]:
                inventory.remove_host(host)
            raise

    def _parse(self, inventory: Any, loader: Any, path: str, *, cache: bool) -> None:
        super().parse(inventory, loader, path, cache=cache)
        options = self.get_options()
        try:
            selection = Selection.from_options({each.name: options.get(each.name) for each in fields(Selection)})
            accounts = self._accounts(selection, path, use_cache=cache)
        except (AwsError, SelectionError) as error:
            raise AnsibleParserError(printable(str(error))) from None  # Ansible would say it twice
        if any(account.state is None for account in accounts):
            self.warn("This AWS SDK is too old to show the State of accounts, so all count as in use. Update boto3.")
        self.inventory.add_group(GROUP)
        # The management account comes last, so that a run in batches begins with others.
        for account in sorted(accounts, key=lambda account: account.management):
            # Names and tags are other people's words, no templates of ours, nor is what is composed of them.
            self._add(account.account_id, no_template(host_variables(account, selection)), options)

    def _accounts(self, selection: Selection, path: str, *, use_cache: bool) -> list[OrganizationAccount]:
        """Take the accounts from the cache, if it holds those of this selection, or from AWS."""
        asked = selection.fingerprint()
        found, cached = self.get_cached_result(path, use_cache)
        kept = kept_accounts(cached, asked) if found else None
        accounts = self._read(selection) if kept is None else kept
        if kept is None and self.get_option("cache"):
            self._cache[self.get_cache_key(path)] = {"asked": asked, "accounts": [asdict(row) for row in accounts]}
        return accounts

    def _read(self, selection: Selection) -> list[OrganizationAccount]:
        region, endpoint_url, connection = get_aws_connection_info(self)
        access = open_organization(region, endpoint_url, {**connection, "verify": self.get_option("aws_ca_bundle")})
        role_arn = self.get_option("assume_role_arn")
        access = access.assume(Role(role_arn)) if role_arn else access
        selected = select(read_organization(access), selection)
        return select_by_tags(with_tags(access, selected), selection) if selection.read_tags else selected

    def _add(self, host: str, variables: Mapping[str, Any], options: Any) -> None:
        self.inventory.add_host(host, group=GROUP)
        for name, value in variables.items():
            self.inventory.set_variable(host, name, value)
        self.inventory.set_variable(host, "ansible_connection", "local")
        self.inventory.set_variable(host, "ansible_python_interpreter", trust_as_template(INTERPRETER))
        strict = options.get("strict")
        self._set_composite_vars(options.get("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(options.get("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(options.get("keyed_groups"), variables, host, strict=strict)
