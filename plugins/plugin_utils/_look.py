# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look before an enforcement: an account that its audit finds as wished needs no plan.

The module that enforces is shipped with all that plans and writes, which Ansible parses for each run, and it enters one
account. What audits is smaller, and reads the accounts of many hosts in one sweep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils import _arguments, _enforce_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import _subject
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan import _wish

# The id of no account: what may concern it, may concern any.
_ANY = "any"
# Options of the module that audits which the one that enforces has not, and refuses.
_NOT_ITS_OWN = ("accounts", "progress_path")


def can_tell(options: Mapping[str, Any]) -> bool:
    """Return whether an audit may tell that there is nothing to do; not where more is asked than that trails comply.

    Raises AnsibleActionFail for a wrong option, as the module that enforces would: it may not come to that.
    """
    wish, exceptions = _asked(options)
    more = options.get("restore") or wish.is_more_than_compliance or any(name in options for name in _NOT_ITS_OWN)
    return not (more or _concern(exceptions, _ANY))


def done_already(options: Mapping[str, Any], audit: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what `cloudtrail_kms_enforce` would, or None where it has something to do, or to say.

    `audit` is that of the one account, as `cloudtrail_kms_facts` returns it, or None where there is none.
    """
    if audit is None:
        return None
    (account,) = audit["accounts"]
    wish, exceptions = _asked(options)
    if _concern(exceptions, account["account_id"]) or not _wish.is_met(wish, account):
        return None
    nothing: dict[str, Any] = {name: [] for name in ("changes", "refusals", "errors", "diff", "shared_keys")}
    return {"changed": False, **nothing, "backup": None, "before": audit, "after": audit}


def kept(directory: str, account_id: str | None) -> dict[str, Any] | None:
    """Return the audit of the account that `keep` has left in the directory, or None where it left none."""
    file = file_of(directory, str(account_id))
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def file_of(directory: str, account_id: str) -> Path:
    """Return the file that holds the audit of an account."""
    return Path(directory) / f"{account_id}.json"


def _asked(options: Mapping[str, Any]) -> tuple[_wish.Wish, list[dict[str, Any]]]:
    """What the options wish, and except. Raises AnsibleActionFail for a wrong one."""
    spec = {**_enforce_arguments.own_spec(), "exceptions": {"type": "list", "elements": "dict", "default": []}}
    checked = ArgumentSpecValidator(spec).validate({name: options[name] for name in spec.keys() & options.keys()})
    if checked.error_messages:
        raise AnsibleActionFail(" ".join(checked.error_messages))
    of_an_audit = {"key_assume_role": None, **{name: options.get(name) for name in ("trails", "regions")}}
    params = {**checked.validated_parameters, **of_an_audit}
    try:
        _enforce_arguments.wait_timeout(params)
        return _enforce_arguments.wish(params), params["exceptions"]
    except _arguments.ArgumentError as error:
        raise AnsibleActionFail(str(error)) from None  # Ansible would say it twice


def _concern(exceptions: list[dict[str, Any]], account_id: str) -> bool:
    """Whether one may be about a trail of the account, so that a plan has something to say of it."""
    # As the module reads them: an account id without quotes is a number in YAML.
    patterns = ([each.get(name) and str(each[name]) for name in ("trail", "account")] for each in exceptions)
    return any(
        _subject.TrailException(trail, (), "", "", date.max, account).may_concern(account_id)
        for trail, account in patterns
    )
