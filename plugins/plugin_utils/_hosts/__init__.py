# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the hosts of a play to the accounts and options of a run, and back to the verdict on each host."""

from __future__ import annotations

from ._judgement import counts, failures, joined, last_read, parts_of_hosts, reasons, without_organization_trail
from ._members import (
    Member,
    MembersError,
    are_swept,
    by_use,
    is_plain,
    member,
    of_account,
    refuse_another_role,
    refuse_slice,
    refuse_strategy,
    with_names,
)
from ._of_the_run import OfTheRun, connection_variables
from ._per_account import OptionsOfHosts, refuse_disagreement, sweep_options
from ._results import ResultError, leave, part_of
from ._run_options import (
    JOIN,
    MODULES,
    OPTIONS,
    from_variables,
    module_options,
    of_accounts,
    of_hosts,
    own_options,
    variables_of,
)
from ._selection import ACCOUNT, ROLE, Selection, SelectionError, host_variables, kept_accounts, select, select_by_tags
from ._task_variables import TaskVariables
from ._unused import with_unused
from ._variables import SPEC, VariablesError, come_to, options, refuse_unknown

__all__ = [
    "ACCOUNT",
    "JOIN",
    "MODULES",
    "OPTIONS",
    "ROLE",
    "SPEC",
    "Member",
    "MembersError",
    "OfTheRun",
    "OptionsOfHosts",
    "ResultError",
    "Selection",
    "SelectionError",
    "TaskVariables",
    "VariablesError",
    "are_swept",
    "by_use",
    "come_to",
    "connection_variables",
    "counts",
    "failures",
    "from_variables",
    "host_variables",
    "is_plain",
    "joined",
    "kept_accounts",
    "last_read",
    "leave",
    "member",
    "module_options",
    "of_account",
    "of_accounts",
    "of_hosts",
    "options",
    "own_options",
    "part_of",
    "parts_of_hosts",
    "reasons",
    "refuse_another_role",
    "refuse_disagreement",
    "refuse_slice",
    "refuse_strategy",
    "refuse_unknown",
    "select",
    "select_by_tags",
    "sweep_options",
    "variables_of",
    "with_names",
    "with_unused",
    "without_organization_trail",
]
