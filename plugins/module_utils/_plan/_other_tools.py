# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys, trails and buckets that another tool owns, which would take a change back: they are left to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from .._model import PLACEHOLDER, Change, Form, Fragment, ReadError, Reason, next_step
from .._operations import WRITES
from .._policy import listing
from .._request import CREATED_FOR_TAG, EnforceRequest
from ._fragments import fragment
from ._key_plan import Plan

Tags: TypeAlias = Mapping[str, str] | ReadError


@dataclass(frozen=True)
class Tool:
    """A tool, known by tags that it or its users set: `prefixes` of tag names, or a `word` in a tag value.

    Letter case is ignored. `form` is the form of its code.
    """

    name: str
    form: Form
    prefixes: tuple[str, ...]
    word: str | None = None

    def has_marked(self, tags: Mapping[str, str]) -> bool:
        """Return whether it is one of the tool's resources."""
        return any(
            name.lower().startswith(self.prefixes) or (self.word is not None and self.word in value.lower())
            for name, value in tags.items()
        )


# CloudFormation marks trails and buckets by itself, for CDK too, and no key (CloudFormation guide, "Resource tags"; the
# schema of AWS::KMS::Key, tagging.cloudFormationSystemTags): of a key, and for Terraform, tags are a habit of users.
# CDK marks a bucket that it empties (CDK API reference, Bucket, autoDeleteObjects). Control Tower: its controls protect
# what has its tag (Control Tower guide, "Mandatory controls").
TOOLS = (
    Tool("CloudFormation (or CDK)", "cloudformation", ("aws:cloudformation:",), "cloudformation"),
    Tool("CDK", "json", ("aws-cdk:", "aws:cdk:")),
    Tool("Terraform", "hcl", ("terraform",), "terraform"),
    Tool("Control Tower", "json", ("aws-control-tower",)),
)


def left_to_owners(plan: Plan, tags: Mapping[str, Tags], request: EnforceRequest | None) -> Plan:
    """Return the plan with what other tools own left to them; `tags` has those of the resources to change, by ARN.

    The first change of such a resource carries what to add to the code of its tool. The plan only warns if the request
    allows the change, if there is no request (a restore), if this collection has created the key, or if the tags could
    not be read.
    """
    known = {arn: of for arn, of in tags.items() if not isinstance(of, ReadError)}
    owned = {arn: tools for arn, of in known.items() if (tools := _tools(of))}
    refused = [arn for arn in owned if request and not request.change_managed and CREATED_FOR_TAG not in known[arn]]
    created = [change for change in plan.changes if change.operation == "CreateKey"]
    more = {arn: _fragments(arn, tools, plan, created if arn in refused else []) for arn, tools in owned.items()}
    refusals = [_refusal(arn, plan, owned[arn], more[arn]) for arn in sorted(refused)]
    unread = (_unread(arn, of) for arn, of in sorted(tags.items()) if isinstance(of, ReadError))
    warned = (f"{arn} {_marked(owned[arn])}: make the change there too." for arn in sorted(owned.keys() - {*refused}))
    return replace(
        plan,
        changes=tuple(replace(change, to_add=more.pop(change.resource, ())) for change in plan.changes),
        refusals=(*(each for each in plan.refusals if each not in refusals), *refusals),
        warnings=(*plan.warnings, *warned, *unread),
    )


def _tools(tags: Mapping[str, str]) -> tuple[Tool, ...]:
    return tuple(tool for tool in TOOLS if tool.has_marked(tags))


def _fragments(arn: str, tools: tuple[Tool, ...], plan: Plan, created: list[Change]) -> tuple[Fragment, ...]:
    """Return what to add for a resource, by tool; a key that the run would have created for it is one of the tool's."""
    own = [change for change in plan.changes if change.resource == arn]
    needs_key = any(str(change.after.get("kms_key_arn")).endswith(PLACEHOLDER) for change in own)
    wanted = {change.after.get("kms_key_arn") for change in own} if needs_key else set()
    changes = [*(change for change in created if change.resource in wanted), *own]
    return tuple(Fragment(tool.name, tool.form, fragment(tool.form, changes)) for tool in tools)


def _refusal(arn: str, plan: Plan, tools: tuple[Tool, ...], to_add: tuple[Fragment, ...]) -> Reason:
    """Return why a resource is left to its tool; its changes in the plan say what to add there."""
    kind = next(WRITES[change.operation].resource for change in plan.changes if change.resource == arn)
    who = "it" if kind == "trail" else f"The {kind} {arn}"
    return Reason(
        f"{who} {_marked(tools)}. Make the change in its code: what to add there is listed with the change. Or",
        ({"change_managed": True},),
        trails=(arn,) if kind == "trail" else (),
        key=arn if kind == "key" else None,
        to_add=to_add,
    )


def _marked(tools: tuple[Tool, ...]) -> str:
    return f"carries the tags of {listing([tool.name for tool in tools])}, which may revert the change"


def _unread(arn: str, error: ReadError) -> str:
    return (
        f"It is unknown whether another tool owns {arn}, and would revert the change: {error.operation} answered "
        f"{error.code}. {next_step(error)}"
    )
