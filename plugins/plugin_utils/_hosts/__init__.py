# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the hosts of a play to the accounts and options of a run, and back to the verdict on each host."""

from __future__ import annotations

from ._extra_variables import refuse_extra
from ._host_accounts import HostAccount, HostsError, by_use, refuse_slice, refuse_strategy
from ._judgement import failing_accounts, judge, last_read, leave, part_of, parts_of_hosts, with_made
from ._module_call import audit_of_unused, complete, options_of_module, reported_on
from ._play import batches, most_failures, patterns, refuse_unseen
from ._reached import accounts_of_run, mark, turn
from ._request import read_request, refuse_wrong_values
from ._run_options import (
    JOIN,
    MODULES,
    beyond_narrowing,
    from_variables,
    module_options,
    options_of_run,
    warnings_of_restore,
)
from ._sealed import SealError
from ._selection import UNREAD, Selection, SelectionError, host_variables, kept_accounts, select, select_by_tags
from ._variables import PREFIX, SPEC, VariablesError, options, refuse_unknown
