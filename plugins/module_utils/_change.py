# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of writes: what is to change (Change), what that stands on, and what is kept to undo it (Backup).

`_model` hands them on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ._operations import Operation

Same: TypeAlias = Callable[[str | None, str | None], bool]
ChangeStatus: TypeAlias = Literal["planned", "applied", "failed", "not_attempted"]
Form: TypeAlias = Literal["json", "hcl", "cloudformation"]


# Alternatives, each of the options to set together: a switch to true, any other to what the words say.
Options: TypeAlias = tuple[Mapping[str, "bool | str"], ...]


def with_options(text: str, options: Options) -> str:
    """Return the text with a last sentence, or the end of its last one, that says what to set."""
    if not options:
        return text
    return f"{text} {'set' if text and text[-1] != '.' else 'Set'} {named_options(options)}.".lstrip()


def named_options(options: Iterable[Mapping[str, bool | str]], prefix: str = "") -> str:
    """Return the options with their values, each name after the prefix."""

    def value(of: bool | str) -> str:
        return ": true" if of is True else f" to {of}"

    def together(each: Mapping[str, bool | str]) -> str:
        *first, last = (f"{prefix}{name}{value(each[name])}" for name in each)
        return " and ".join([*filter(None, [", ".join(first)]), last])

    return ", or ".join(map(together, options))


def about(trails: Sequence[str]) -> str:
    """Return how a sentence about these trails begins."""
    return f"The trail {', '.join(trails)}: " if trails else ""


@dataclass(frozen=True)
class Fragment:
    """What to add to the code of another tool, so that it makes a change by itself: its name, the form, the code."""

    tool: str
    form: Form
    text: str


@dataclass(frozen=True)
class Reason:
    """Why something is refused or has failed, or is warned of: of which trails, by ARN, for which key, and what to set.

    `text` is why, after the `subject` where that is not the trails; `more` are details and the next step, before the
    options. `row` is what to delete from a backup, so that the rest of it is restored. `to_add` is for what another
    tool owns.
    """

    text: str
    options: Options = field(default=(), hash=False)
    trails: tuple[str, ...] = ()
    key: str | None = None
    to_add: tuple[Fragment, ...] = field(default=(), compare=False)
    subject: str = ""
    more: str = ""
    row: str = ""

    def __str__(self) -> str:
        """Return all of it as plain sentences."""
        subject = f"{self.subject}: " if self.subject else about(self.trails)
        leave = f"To restore the rest, delete {self.row} in the backup file." if self.row else ""
        return subject + with_options(" ".join(filter(None, (self.text, leave, self.more))), self.options)


@dataclass(frozen=True)
class Consequence(Reason):
    """What a change of the `resource` leads to: of no interest where that is neither planned nor made."""

    resource: str = ""


@dataclass(frozen=True)
class Change:
    """One write: `operation` is AWS's name of it, `parameters` the request as it is sent.

    `resource` is the ARN of the trail, key, alias or bucket. A key that is still to be created goes by an ARN that
    ends in PLACEHOLDER, in any field, until it has one. `before` is None where the resource does not exist yet.
    `to_add` is set where another tool owns the resource.
    """

    operation: Operation
    resource: str
    region: str
    before: Mapping[str, object] | None
    after: Mapping[str, object]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    status: ChangeStatus = "planned"
    to_add: tuple[Fragment, ...] = field(default=(), compare=False)

    @property
    def policies(self) -> tuple[str | None, str | None]:
        """The policy of the resource before and after; None where there is none, or where it is not what changes."""
        before, after = ((side or {}).get("policy") for side in (self.before, self.after))
        return None if before is None else str(before), None if after is None else str(after)

    def with_arns(self, created: Mapping[str, str]) -> Change:
        """Return the change with the ARNs of created keys in place of their placeholders."""

        def real(value: Any) -> Any:
            return created.get(value, value) if isinstance(value, str) else value

        def fields(of: Mapping[str, Any]) -> dict[str, Any]:
            return {name: real(value) for name, value in of.items()}

        def text(of: str) -> str:
            for placeholder, arn in created.items():
                of = of.replace(placeholder, arn)
            return of

        return replace(
            self,
            resource=real(self.resource),
            after=fields(self.after),
            parameters=fields(self.parameters),
            to_add=tuple(replace(each, text=text(each.text)) for each in self.to_add),
        )


PLACEHOLDER = "key/to-be-created"


@dataclass(frozen=True)
class Prerequisites:
    """What changes need in place, by ARN, as it was read: a service that denies it does not see it yet.

    `usable` are the trails, the buckets, and the keys that work or will work. `policies` are those of the keys and
    buckets, as the changes leave them, where they could be read. `trails` say where each trail delivers, in the words
    of UpdateTrail; `bucket_regions` are the Regions of the buckets.
    """

    usable: frozenset[str] = frozenset()
    policies: Mapping[str, str | None] = field(default_factory=dict)
    trails: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    bucket_regions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Replaced:
    """One value that an enforcement replaces: the key of a trail, or the policy of a key or bucket.

    `taken_at` is when this was first kept, just before the write: by it the writes of all accounts have an order.
    """

    arn: str
    before: str | None
    after: str
    taken_at: str = ""

    def followed_by(self, later: Replaced, same: Same) -> Replaced | None:
        """Return what undoes both of a resource, the later one first; None where somebody else changed it in between.

        `same` compares two values, for KMS lays out a policy anew.
        """
        if same(later.before, self.before):  # it was put back, or this is the same once more
            return later
        return replace(later, before=self.before) if same(later.before, self.after) else None


@dataclass(frozen=True)
class Backup:
    """What an enforcement replaces: the trails' keys, the keys' and buckets' policies; and what it creates."""

    account_id: str
    taken_at: str
    trail_keys: tuple[Replaced, ...] = ()
    key_policies: tuple[Replaced, ...] = ()
    created_keys: tuple[str, ...] = ()
    bucket_policies: tuple[Replaced, ...] = ()
    created_trails: tuple[str, ...] = ()


class BackupError(Exception):
    """A backup cannot be written or read; the message names its file and says why."""
