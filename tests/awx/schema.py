# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX 24.6.1 takes for each kind of resource that we configure: its fields, their types and choices.

From its API guide (OPTIONS of each endpoint), awx/api/serializers.py and awx/main/models/. Django REST framework passes
over names that it does not know; here they are errors, since a setting that has no effect is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# A check returns what is wrong with a value, or None.
Check = Callable[[Any], str | None]


@dataclass(frozen=True)
class Ref:
    """A field that holds the id of a resource of one of these endpoints."""

    endpoints: tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """One endpoint: what a POST or PATCH may hold, and what a POST must."""

    type: str
    fields: Mapping[str, Check | Ref]
    required: frozenset[str]
    associations: Mapping[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ("name",)
    defaults: Mapping[str, Any] = field(default_factory=dict)


def text(value: Any) -> str | None:
    return None if isinstance(value, str) else "Not a valid string."


def some_text(value: Any) -> str | None:
    return text(value) if value else "This field may not be blank."


def flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Must be a valid boolean."


def nothing(value: Any) -> str | None:
    return None if value in (None, "") else "Only for smart inventories."


def number(least: int = 0) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "A valid integer is required."
        return None if value >= least else f"Ensure this value is greater than or equal to {least}."

    return check


def one_of(*choices: Any) -> Check:
    return lambda value: None if value in choices else f'"{value}" is not a valid choice.'


def mapping(value: Any) -> str | None:
    return None if isinstance(value, dict) else "Expected an object."


def variables(value: Any) -> str | None:
    """Extra variables and those of hosts: text that holds a mapping as YAML or JSON."""
    try:
        return None if isinstance(json.loads(value), dict) else "Cannot parse as a mapping."
    except (TypeError, ValueError):
        return "Cannot parse as JSON."


def rrule(value: str) -> str | None:
    """What awx/api/serializers.py refuses of a schedule, SchedulePreviewSerializer.validate_rrule."""
    starts = re.findall(r"DTSTART(;[^:]+)?:[0-9]+T[0-9]+Z?", value)
    rules = re.findall(r"RULE:\S*", value)
    refusals = {
        "Valid DTSTART required in rrule.": not starts,
        "DTSTART cannot be a naive datetime.": re.search(r"DTSTART:[0-9]+T[0-9]+ ", value),
        "Multiple DTSTART is not supported.": len(starts) > 1,
        "One or more rule required in rrule.": not rules,
        "INTERVAL required in rrule": any("INTERVAL=" not in rule for rule in rules),
        "SECONDLY is not supported": "SECONDLY" in value,
        "RRULE may not contain both COUNT and UNTIL": "COUNT=" in value and "UNTIL=" in value,
    }
    return next((message for message, wrong in refusals.items() if wrong), None)


def question(asked: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one question of a survey: awx/api/views, JobTemplateSurveySpec."""
    known = {
        "question_name",
        "question_description",
        "type",
        "choices",
        "default",
        "variable",
        "required",
        "min",
        "max",
    }
    yield from (f"unknown key {name}" for name in asked.keys() - known)
    for name in ("type", "question_name", "variable", "required"):
        if name not in asked:
            yield f"'{name}' missing from survey question"
    kinds = {"text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float"}
    if asked.get("type") not in kinds:
        yield f"'{asked.get('type')}' is not one of the allowed question types"
    if asked.get("type") in {"multiplechoice", "multiselect"} and asked.get("default") not in asked.get("choices", ()):
        yield "Default choice must be answered from the choices listed"
    if not isinstance(asked.get("required"), bool):
        yield "'required' must be a boolean"


def survey(spec: Mapping[str, Any]) -> str | None:
    """What is wrong with a survey: it has a name, a description and questions for different variables."""
    if spec.keys() != {"name", "description", "spec"} or not isinstance(spec["spec"], list) or not spec["spec"]:
        return "'name', 'description' and a non-empty list 'spec' are required"
    asked = [item.get("variable") for item in spec["spec"]]
    wrong = [problem for item in spec["spec"] for problem in question(item)]
    return "; ".join(wrong) or ("'variable' is duplicated" if len(set(asked)) < len(asked) else None)


# awx/main/notifications: what each kind of notification must be told.
NOTIFICATIONS: Mapping[str, frozenset[str]] = {
    "slack": frozenset({"channels", "token"}),
    "webhook": frozenset({"url", "http_method", "headers"}),
    "awssns": frozenset({"aws_region", "topics"}),
    "mattermost": frozenset({"mattermost_url"}),
    "pagerduty": frozenset({"subdomain", "token", "service_key", "client_name"}),
    "email": frozenset(
        {"host", "port", "username", "password", "use_tls", "use_ssl", "sender", "recipients", "timeout"}
    ),
}

PROMPTS = (
    *("ask_scm_branch_on_launch", "ask_diff_mode_on_launch", "ask_variables_on_launch", "ask_limit_on_launch"),
    *("ask_inventory_on_launch", "ask_credential_on_launch", "ask_job_type_on_launch", "ask_verbosity_on_launch"),
)
ORGANIZATION = {"organization": Ref(("organizations",))}
NAMED: Mapping[str, Check] = {"name": some_text, "description": text}
NOTIFIED = {f"notification_templates_{event}": "notification_templates" for event in ("started", "success", "error")}
TEMPLATES = ("job_templates", "workflow_job_templates", "projects", "inventory_sources", "workflow_approval_templates")

RESOURCES: Mapping[str, Resource] = {
    "organizations": Resource("organization", NAMED, frozenset({"name"})),
    "execution_environments": Resource(
        "execution_environment",
        {**NAMED, **ORGANIZATION, "image": some_text, "pull": one_of("", "always", "missing", "never")},
        frozenset({"name", "image"}),
    ),
    "projects": Resource(
        "project",
        {
            **NAMED,
            **ORGANIZATION,
            "scm_type": one_of("", "git", "svn", "insights", "archive"),
            "scm_url": some_text,
            "scm_branch": text,
        },
        frozenset({"name"}),
        unique=("name", "organization"),
    ),
    "credential_types": Resource(
        "credential_type",
        {
            **NAMED,
            "kind": one_of("cloud", "net"),  # custom types may be no other
            "inputs": mapping,
            "injectors": mapping,
            "managed": one_of(False),
        },
        frozenset({"name", "kind"}),
    ),
    "credentials": Resource(
        "credential",
        {**NAMED, **ORGANIZATION, "credential_type": Ref(("credential_types",)), "inputs": mapping},
        frozenset({"name", "credential_type"}),
        unique=("name", "organization", "credential_type"),
    ),
    "inventories": Resource(
        "inventory",
        {**NAMED, **ORGANIZATION, "kind": one_of("", "smart", "constructed"), "host_filter": nothing},
        frozenset({"name", "organization"}),
        unique=("name", "organization"),
    ),
    "hosts": Resource(
        "host",
        {**NAMED, "inventory": Ref(("inventories",)), "enabled": flag, "variables": variables},
        frozenset({"name", "inventory"}),
        unique=("name", "inventory"),
    ),
    "inventory_sources": Resource(
        "inventory_source",
        {
            **NAMED,
            "inventory": Ref(("inventories",)),
            "source": one_of("scm", "ec2", "gce", "azure_rm", "vmware", "controller", "constructed"),
            "source_path": some_text,
            "source_project": Ref(("projects",)),
            "credential": Ref(("credentials",)),
            "execution_environment": Ref(("execution_environments",)),
            "update_on_launch": flag,
            "overwrite": flag,
            "overwrite_vars": flag,
        },
        frozenset({"name", "inventory", "source"}),
        NOTIFIED,
        unique=("name", "inventory"),
    ),
    "notification_templates": Resource(
        "notification_template",
        {
            **NAMED,
            **ORGANIZATION,
            "notification_type": one_of(*NOTIFICATIONS, "grafana", "irc", "rocketchat", "twilio"),
            "notification_configuration": mapping,
        },
        frozenset({"name", "organization", "notification_type"}),
        unique=("name", "organization"),
    ),
    "job_templates": Resource(
        "job_template",
        {
            **NAMED,
            **ORGANIZATION,
            **dict.fromkeys((*PROMPTS, "survey_enabled", "diff_mode", "become_enabled", "allow_simultaneous"), flag),
            "job_type": one_of("run", "check"),
            "playbook": some_text,
            "inventory": Ref(("inventories",)),
            "project": Ref(("projects",)),
            "execution_environment": Ref(("execution_environments",)),
            "extra_vars": variables,
            "verbosity": one_of(0, 1, 2, 3, 4, 5),
            "forks": number(),
            "timeout": number(-1),
            "job_slice_count": number(1),
            "limit": text,
        },
        frozenset({"name", "project", "playbook"}),
        {**NOTIFIED, "credentials": "credentials", "labels": "labels"},
        unique=("name", "organization"),
        defaults={"job_slice_count": 1, "ask_inventory_on_launch": False},
    ),
    "workflow_job_templates": Resource(
        "workflow_job_template",
        {
            **NAMED,
            **ORGANIZATION,
            **dict.fromkeys((*PROMPTS, "survey_enabled", "allow_simultaneous"), flag),
            "extra_vars": variables,
            "inventory": Ref(("inventories",)),
        },
        frozenset({"name"}),
        {**NOTIFIED, "notification_templates_approvals": "notification_templates"},
        unique=("name", "organization"),
    ),
    "workflow_job_template_nodes": Resource(
        "workflow_job_template_node",
        {
            "identifier": some_text,
            "type": one_of("workflow_job_template_node"),
            "workflow_job_template": Ref(("workflow_job_templates",)),
            "unified_job_template": Ref(TEMPLATES),
            "all_parents_must_converge": flag,
        },
        frozenset({"identifier", "workflow_job_template"}),
        dict.fromkeys(("success_nodes", "failure_nodes", "always_nodes"), "workflow_job_template_nodes"),
        unique=("identifier", "workflow_job_template"),
    ),
    "workflow_approval_templates": Resource(
        "workflow_approval_template",
        {**NAMED, "timeout": number()},
        frozenset({"name"}),
        unique=(),
    ),
    "schedules": Resource(
        "schedule",
        {**NAMED, "unified_job_template": Ref(TEMPLATES), "rrule": rrule, "enabled": flag, "extra_data": mapping},
        frozenset({"name", "unified_job_template", "rrule"}),
        unique=("name", "unified_job_template"),
    ),
}
