# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules: their argument specs, and what a run is told by them. Neither AWS nor Ansible here."""

from __future__ import annotations

from ._audit import facts_spec, lending, settings_of_owners, to_scope, to_settings
from ._common import (
    AUDIT_ACCOUNT_OPTIONS,
    JUDGING,
    PRINCIPAL_ARN,
    ArgumentError,
    audit_spec,
    named,
    of_accounts,
    of_options,
)
from ._enforce import EITHER, ENFORCE_ACCOUNT_OPTIONS, enforce_spec, max_failures, own_spec, to_request, wait_timeout
