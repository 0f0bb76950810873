# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a run: its own, and those that it hands to a module, by its mode."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.path import unfrackpath

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._destination import passing_directory
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._judgement import FAILING
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import (
    CIS_VERSIONS,
    DEFAULT_CIS_VERSION,
    FORMATS,
)

MODULES = {
    "audit": "cloudtrail_kms_facts",
    "enforce": "cloudtrail_kms_enforce",
    "look": "cloudtrail_kms_facts",
    "share": "cloudtrail_kms_central_key",
}
JOIN = "join"
# Those that read many accounts at once.
SWEEPING = ("audit", "look")
AUDIT_OPTIONS = frozenset(
    {
        "approved_keys",
        "assume_role",
        "bucket_assume_role",
        "closed_regions",
        "concurrency",
        "exceptions",
        "key_assume_role",
        "readers",
        "regions",
        "rules",
        "stale_after_hours",
        "trails",
    }
)
# Left aside in an audit, so that one set of options, and of variables of the role, serves both modes.
ENFORCE_OPTIONS = frozenset(
    {
        "allow_cancel_deletion",
        "allow_enable_key",
        "allow_unread_bucket_policy",
        "backup_path",
        "create_trail",
        "key",
        "key_is_shared",
        "key_id",
        "replace_compliant_key",
        "restore",
        "statements",
        "wait",
        "wait_timeout",
    }
)
OWN_OPTIONS: dict[str, Any] = {
    "mode": {"type": "str", "choices": [*MODULES, JOIN], "default": "audit"},
    "reports": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": []},
    "report_dir": {"type": "path"},
    "report_bucket": {"type": "str"},
    "report_prefix": {"type": "str"},
    "cis_version": {"type": "str", "choices": list(CIS_VERSIONS), "default": DEFAULT_CIS_VERSION},
    "fail_on": {"type": "str", "choices": list(FAILING), "default": "unknown"},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "audits": {"type": "list", "elements": "path", "default": []},
    "require_organization_trail": {"type": "bool", "default": False},
    "looked": {"type": "path"},
}
# Those of the role and its playbooks that are no option of a run.
_OTHERS = frozenset({"bucket", "max_fail_percentage", "report_objects", "serial"})
_PREFIX = "cloudtrail_kms_"
_TEMPLATE = re.compile(r"\{[{%#]")
# How alike two names are, of at most 1, of which one is taken for the other with a letter too few or too many.
_ALIKE = 0.88


def variables_of(mode: str) -> frozenset[str]:
    """Return the variables of the role that a run of this mode asks for."""
    of_modules = {JOIN: frozenset[str](), "audit": AUDIT_OPTIONS}.get(mode, AUDIT_OPTIONS | ENFORCE_OPTIONS)
    return frozenset(f"{_PREFIX}{name}" for name in OWN_OPTIONS.keys() | of_modules)


def misspelt(variables: Iterable[str]) -> dict[str, str]:
    """Return those that are none of the role but are named much like one, each with that one."""
    options = {*OWN_OPTIONS, *AUDIT_OPTIONS, *ENFORCE_OPTIONS, *_OTHERS}
    unknown = {name.removeprefix(_PREFIX) for name in variables if name.startswith(_PREFIX)} - options
    alike = {name: get_close_matches(name, options, n=1, cutoff=_ALIKE) for name in sorted(unknown)}
    return {f"{_PREFIX}{name}": f"{_PREFIX}{found[0]}" for name, found in alike.items() if found}


def apart(mode: str) -> frozenset[str]:
    """Return the variables in which hosts may differ whose accounts are read in one sweep of this mode.

    An audit tells of all its accounts together; a look is only for the enforcement of each to read.
    """
    options = ENFORCE_OPTIONS | OWN_OPTIONS.keys() if mode == "look" else ENFORCE_OPTIONS
    return frozenset(f"{_PREFIX}{name}" for name in options)


def own_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the run itself; the module checks the others.

    Raises AnsibleActionFail for what cannot be meant, and for a directory that takes no reports.
    """
    checked = ArgumentSpecValidator(OWN_OPTIONS).validate({n: v for n, v in given.items() if n in OWN_OPTIONS})
    if checked.error_messages:
        raise AnsibleActionFail(" ".join(checked.error_messages))
    own: dict[str, Any] = checked.validated_parameters
    _refuse_templates(own)
    if own["mode"] == "enforce" and len(own["hosts"]) > 1:
        raise AnsibleActionFail("Option hosts: an enforcement is of one account, that of one host.")
    if own["mode"] == "look":
        return own  # the enforcements write the reports
    if own["reports"] and own["report_bucket"] and not own["report_dir"]:
        own["report_dir"] = passing_directory()
    if own["reports"] and not own["report_dir"]:
        raise AnsibleActionFail(f"No report_dir is given to write the {own['reports'][0]} report to.")
    if own["reports"] and not os.access(own["report_dir"], os.W_OK | os.X_OK):
        # Found out now, not when all accounts have been read, or changed.
        raise AnsibleActionFail(
            f"No report can be written to {own['report_dir']}. The directory must exist and be writable."
        )
    return own


def _refuse_templates(own: Mapping[str, Any]) -> None:
    """Raise AnsibleActionFail for a place of reports that would be evaluated where the role hands it on.

    It leaves them as artifacts: set_stats of ansible-core before 2.19 evaluates them once more, and so do the later
    nodes of a workflow in AWX, whose variables they become. The name of an account may be part of one.
    """
    for name in ("report_dir", "report_bucket", "report_prefix"):
        if own[name] and _TEMPLATE.search(own[name]):
            raise AnsibleActionFail(
                f"Option {name}: {own[name]!r} would be evaluated as a template where it is handed on. Give one "
                "without {{, {% and {#; a name or tag of an account may have brought them."
            )


def module_options(given: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """Return what the module of the mode is given, with its files named from where ansible-playbook was called.

    So is `report_dir`; a module runs beside the playbook. A restore leaves aside which key trails are to have.
    """
    aside = OWN_OPTIONS.keys() | ENFORCE_OPTIONS if mode in (*SWEEPING, JOIN) else OWN_OPTIONS.keys()
    aside |= {"create_trail", "key", "key_id"} if given.get("restore") else set()
    options = {name: value for name, value in given.items() if name not in aside}
    files = {name: options[name] for name in ("backup_path", "restore") if options.get(name)}
    return {**options, **{name: unfrackpath(str(path), follow=False) for name, path in files.items()}}
