# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key-policy engine: read a policy, decide a request as AWS would, add what is missing, check what is sent."""

from __future__ import annotations

from ._bucket_policy import NOTHING, Delivery, merge_bucket_policy
from ._budget import CHARACTERS, Budget
from ._comparison import adds_nothing, meaning, policy_meaning, same_policy
from ._conditions import Condition, split_operator
from ._context_facts import ALTERNATIVES, OBJECT_KEY, SERVICE, TIME_KEYS, TRAIL_KEY
from ._decide import Decision, concerning, decide, is_open_alike, told_apart
from ._delivery import (
    REGION_ACCOUNTS,
    Answer,
    Call,
    acl_calls,
    answer,
    digest_calls,
    log_calls,
    naming_accounts,
    of_accounts_alone,
    spare_calls,
)
from ._document import MAX_CHARACTERS, Policy, PolicyError, Statement, parse, to_json
from ._explain import OF_ACCOUNT, hangs_on_ids
from ._locations import ANY_ORGANIZATION, Locations, example_of, folder_of, stands_for_many
from ._merge import SERVICE_ACTIONS, MergeRefusedError, Required, merge, new_key_policy, statements_to_add
from ._operators import moment_of
from ._ours import administrators_statement, beyond, is_administrators, is_ours, is_readers, root_statement
from ._patterns import Context, has_unknown, has_variable, is_arn, readable
from ._principals import Caller, Principals, account_of
from ._request import NOTHING_KNOWN, Known, Outcome, Request
from ._requests import object_request, reader_request, service_request, write_request
from ._validate import MAX_BYTES, validate
from ._witnesses import ACCOUNT_LENGTH, Accounts, Form, Free, Patterns, Which, distinct, texts
from ._words import listing
