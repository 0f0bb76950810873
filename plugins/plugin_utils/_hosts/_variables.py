# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables under the prefix of this collection: which there are, and the options that they come to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError

from ...module_utils._options import audit_spec, own_spec
from .._reports import CIS_VERSIONS, DEFAULT_CIS_VERSION, FORMATS
from ._judgement import FAILING

PREFIX = "cloudtrail_kms_"
# From this likeness on (difflib's ratio) a name is another one but for a letter or two, such as trail for trails.
_MISSPELT = 0.85

# What a run works with beside the options of its module, each of which is a variable of the role too.
OF_A_RUN: dict[str, Any] = {
    "mode": {"type": "str", "choices": ["audit", "enforce"], "default": "audit"},
    "reports": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": []},
    "report_dir": {"type": "path"},
    "report_bucket": {"type": "str"},
    "report_prefix": {"type": "str"},
    "cis_version": {"type": "str", "choices": list(CIS_VERSIONS), "default": DEFAULT_CIS_VERSION},
    "fail_on": {"type": "str", "choices": list(FAILING), "default": "unknown"},
    "previous": {"type": "str"},
    "audits": {"type": "list", "elements": "path", "default": []},
    "table": {"type": "str", "choices": ["full", "short", "none"]},
    "fail_on_drift": {"type": "bool", "default": False},
    "require_organization_trail": {"type": "bool", "default": False},
}
# What tasks of the role work with that are none of a run.
_OF_TASKS: dict[str, Any] = {
    "bucket": {
        "type": "dict",
        "options": {
            "object_lock": {
                "type": "dict",
                "options": {
                    "mode": {"type": "str", "choices": ["GOVERNANCE", "COMPLIANCE"], "required": True},
                    "days": {"type": "int"},
                    "years": {"type": "int"},
                },
            },
            "lifecycle": {
                "type": "dict",
                "options": {
                    "expiration_days": {"type": "int"},
                    "noncurrent_version_expiration_days": {"type": "int"},
                    "transition_days": {"type": "int"},
                    "storage_class": {
                        "type": "str",
                        "choices": ["glacier", "onezone_ia", "standard_ia", "intelligent_tiering", "deep_archive"],
                    },
                },
            },
            "tags": {"type": "dict"},
        },
    },
    "report_objects": {
        "type": "dict",
        "options": {"bucket": {"type": "str", "required": True}, "prefix": {"type": "str", "required": True}},
    },
}
AUDIT_SPEC = audit_spec()
ENFORCE_SPEC = own_spec()
# The variables of the role. Which runs are of one play, the action sees by itself.
SPEC: dict[str, Any] = {
    **OF_A_RUN,
    **_OF_TASKS,
    **AUDIT_SPEC,
    **{name: spec for name, spec in ENFORCE_SPEC.items() if name != "backup_play"},
}
_OF_PLAYBOOKS = frozenset({"hosts", "max_fail_percentage", "serial"})
_OF_AWX = frozenset(
    f"awx_{name}"
    for name in (
        "accounts",
        "credential",
        "enforce_credential",
        "fail_on",
        "image",
        "notification",
        "organization",
        "plan_credential",
        "project_branch",
        "project_url",
        "region",
        "report_bucket",
        "rrule",
        "slices",
    )
)
# ansible-rulebook gives its own variables to the playbooks that it runs.
_OF_THE_RULEBOOK = frozenset(
    f"drift_{name}" for name in ("calls", "enforcers", "playbook", "queue", "region", "resources")
)
# AWX gives what a job has left by set_stats to the later jobs of a workflow as variables.
_ARTIFACTS = frozenset(
    {
        "comparison",
        "report_files",
        *(
            f"summary_{name}"
            for name in (
                "accounts",
                "compliant",
                "excepted",
                "no_trails",
                "non_compliant",
                "not_applicable",
                "trails",
                "unknown",
            )
        ),
    }
)
SETTABLE = frozenset({*SPEC, *_OF_PLAYBOOKS, *_OF_AWX, *_OF_THE_RULEBOOK})
# Whatever else begins with the prefix is a mistake: it would be taken for a variable that nobody has set.
KNOWN = frozenset(PREFIX + name for name in (*SETTABLE, *_ARTIFACTS, "account"))


class VariablesError(ValueError):
    """A variable that cannot be meant; the message names it, and what is wrong."""


def refuse_unknown(names: Iterable[str]) -> None:
    """Raise VariablesError for a name that begins with the prefix and is no variable of this collection."""
    unknown = sorted(name for name in names if name.startswith(PREFIX) and name not in KNOWN)
    if unknown:
        messages = " ".join(f"Unknown variable {name}{_meant(name)}" for name in unknown)
        raise VariablesError(f"{messages} (The prefix {PREFIX} is reserved.)")


def _meant(name: str) -> str:
    near = list(dict.fromkeys(_nearest(name.removeprefix(PREFIX))))[:3]
    if not near:
        return ". `ansible-doc -t role aws_baseline.cloudtrail.cloudtrail_kms` lists them all."
    return f"; did you mean {' or '.join(near)}?"


def _nearest(name: str) -> Iterator[str]:
    """Yield what may have been meant, the likeliest first, as a message names it."""
    prefixes = ("awx_", "drift_")
    real = sorted(each for each in SETTABLE if name.startswith(prefixes) or not each.startswith(prefixes))
    within = _suboptions(SPEC)
    yield from (PREFIX + each for each in get_close_matches(name, real, n=1, cutoff=_MISSPELT))
    yield from within.get(name, ())
    # A name with something after it, such as assume_role_arn, or a part of a name, such as role, looks less alike.
    yield from (PREFIX + each for each in sorted((e for e in real if name.startswith(f"{e}_")), key=len)[-1:])
    yield from (PREFIX + each for each in real if f"_{name}_" in f"_{each}_")
    yield from (PREFIX + each for each in get_close_matches(name, real, n=3))
    yield from (suboption for each in get_close_matches(name, within) for suboption in within[each])


def _suboptions(specs: Mapping[str, Any], *path: str) -> dict[str, list[str]]:
    """Return how messages name the suboptions, by each name one may be given: alias and key_alias for that of a key."""
    by_name: dict[str, list[str]] = {}
    for name, spec in specs.items():
        if path:
            for whole in ("_".join([*path[at:], name]) for at in range(len(path) + 1)):
                by_name.setdefault(whole, []).append(f"{name} in {PREFIX}{'.'.join(path)}")
        for whole, suboptions in _suboptions(spec.get("options", {}), *path, name).items():
            by_name.setdefault(whole, []).extend(suboptions)
    return by_name


def options(variables: Mapping[str, Any], templar: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return the options of these names that variables are set for, in their types.

    Raises VariablesError that names one that is undefined, empty, or not of its type.
    """
    return in_their_types({PREFIX + name: come_to(PREFIX + name, variables, templar) for name in sorted(names)})


def in_their_types(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that variables have values for, in their types; one that is null is not set.

    Raises VariablesError that names one that is empty or not of its type.
    """
    values = {name.removeprefix(PREFIX): value for name, value in variables.items()}
    values = {name: value for name, value in values.items() if name in SPEC and value is not None}
    for name, value in values.items():
        if isinstance(value, str) and not value.strip():
            raise VariablesError(f"The variable {PREFIX}{name} is empty. Give it a value, or leave it out.")
    return _checked(values, {name: SPEC[name] for name in values}, PREFIX)


def come_to(variable: str, variables: Mapping[str, Any], templar: Any) -> Any:
    """Return what a variable comes to, None where it is not set. Raises VariablesError where its template fails."""
    if variables.get(variable) is None:
        return None
    try:
        # As part of a dictionary, from which newer Ansible takes what is omitted.
        value = templar.template({variable: variables[variable]})
    except AnsibleUndefinedVariable as error:
        raise VariablesError(f"The variable {variable} is undefined: {error}") from None
    except AnsibleError as error:
        raise VariablesError(f"The template of the variable {variable} fails: {error}") from None
    return _without(value, variables.get("omit")).get(variable)


def sentences(errors: Iterable[Exception]) -> str:
    """Return what Ansible's validator found as one text; of names that it does not support it says only the names."""
    texts = (f"unsupported: {error}" if isinstance(error, UnsupportedError) else str(error) for error in errors)
    return " ".join(f"{text.removesuffix('.')}." for text in texts)


def _without(value: Any, omit: object) -> Any:
    """Return the value without what older Ansible leaves for its tasks to omit, a text of its own for each play."""
    if isinstance(value, Mapping):
        return {name: _without(each, omit) for name, each in value.items() if omit is None or each != omit}
    if isinstance(value, list):
        return [_without(each, omit) for each in value if omit is None or each != omit]
    return value


def _checked(
    values: Mapping[Any, Any], specs: Mapping[str, Any], prefix: str, needs: Sequence[Sequence[str]] = ()
) -> dict[str, Any]:
    """Return the values of options or suboptions in their types, as far as they are set: a module fills in the rest.

    Level by level, since Ansible's validator breaks where suboptions are no dictionary. Messages name each by `prefix`.
    """
    plain = {
        prefix + name: {
            what: each for what, each in spec.items() if what in ("type", "elements", "choices", "required")
        }
        for name, spec in specs.items()
    }
    prefixed = {f"{prefix}{name}": value for name, value in values.items() if value is not None}
    parsed = {
        name: from_json(value, plain[name]["type"]) if name in plain else value for name, value in prefixed.items()
    }
    one_of = [[prefix + name for name in names] for names in needs]
    checked = ArgumentSpecValidator(plain, required_one_of=one_of).validate(parsed)
    if checked.error_messages:
        raise VariablesError(sentences(checked.errors))
    validated = {name: checked.validated_parameters[prefix + name] for name in specs if prefix + name in prefixed}
    return {name: _nested(value, specs[name], f"{prefix}{name}.") for name, value in validated.items()}


def _nested(value: Any, spec: Mapping[str, Any], prefix: str) -> Any:
    if "options" not in spec:
        return value
    if isinstance(value, list):
        return [_nested(each, spec, prefix) for each in value]
    return _checked(value, spec["options"], prefix, spec.get("required_one_of", ()))


def from_json(value: object, kind: str) -> object:
    """Return the list or dictionary that a text is in JSON, as surveys and -e name=value give it."""
    if isinstance(value, str) and value.lstrip().startswith({"list": "[", "dict": "{"}.get(kind, "\0")):
        with suppress(ValueError):
            return json.loads(value)
    return value
