# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who calls, and whom a Principal element means ("AWS JSON policy elements: Principal" and "NotPrincipal")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ._patterns import glob, pieces_of, searched

_ACCOUNT = re.compile(r"[0-9]{12}")
_ARN = re.compile(r"arn:[^:]+:(iam|sts)::([0-9]{12}):(root|[a-z-]+)(?:/(.+))?")
# One account, user, role or session, and nobody else ("AWS JSON policy elements: Principal").
ONE_PRINCIPAL = re.compile(
    r"[0-9]{12}|arn:[a-z-]+:iam::[0-9]{12}:(root|(user|role)/[^*?]+)"
    r"|arn:[a-z-]+:sts::[0-9]{12}:(assumed-role/[^*?/]+|federated-user)/[^*?/]+"
)
# AWS shows the unique id in place of a user or role that was deleted ("IAM role principals").
ORPHAN = re.compile(r"A(?:IDA|ROA)[A-Z0-9]{12,}")
KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


class Covers(Enum):
    """How a Principal element covers a caller."""

    NO = 0
    ACCOUNT = 1  # through its account: the caller's own IAM policies decide
    YES = 2
    UNCLEAR = 3  # it cannot be told


class Caller:
    """The principal of a request: a service name, or the ARN of a root user, user, role or session."""

    def __init__(self, principal: str) -> None:
        """Take the name apart."""
        self.name = principal
        arn = _ARN.fullmatch(principal)
        _service, account, kind, path = arn.groups() if arn else ("", None, "service", "")
        self.account: str | None = account
        self.kind: str = kind
        # Role names are unique in an account whatever their path, and a session's ARN leaves the path out.
        parts = (path or "").split("/")
        self.friendly_name = parts[0] if kind == "assumed-role" else parts[-1]

    @property
    def is_service(self) -> bool:
        """Whether AWS itself calls."""
        return self.account is None


class Principals:
    """A Principal or NotPrincipal element."""

    def __init__(self, written: Any, *, negated: bool) -> None:
        """`written` is the element's value: an asterisk, or an object of names by kind."""
        names = _names(written)
        self.negated = negated
        aws = names["AWS"]
        # For AWS an asterisk alone and {"AWS": "*"} are the same ("All principals").
        self.everyone = written == "*" or "*" in aws
        self.accounts = frozenset(each for each in map(account_of, aws) if each)
        self.services = frozenset(names["Service"])
        self.names = frozenset(aws) | self.services | frozenset(names["Federated"])
        self.orphans = tuple(name for name in aws if ORPHAN.fullmatch(name))
        self.unreadable = tuple(name for name in names["?"] if written != "*")
        callers = [Caller(name) for name in aws]
        self._callers = frozenset((each.kind, each.account, each.friendly_name) for each in callers)
        self._outside = [*aws, *names["Federated"], *names["CanonicalUser"]]
        self._canonical, self._federated = bool(names["CanonicalUser"]), bool(names["Federated"])
        wild = [name for kind in KINDS for name in names[kind]]
        self._patterns = [p for p in map(glob, map(pieces_of, wild)) if not isinstance(p, str)]
        self.steps, self.searched = len(self._patterns), searched(wild)

    def cover(self, caller: Caller) -> Covers:
        """How the element covers the caller."""
        return self._all_but(caller) if self.negated else self._listed(caller)

    @property
    def is_in_full(self) -> bool:
        """Whether it names principals one by one, and none in a way that may mean others too."""
        unclear = self.everyone or self.unreadable or self._patterns or self._federated or self._canonical
        return not unclear

    def strangers(self, account: str) -> list[str]:
        """The principals outside of an account that it names, or may name, without AWS's own services."""
        if self.everyone or self.negated:
            return ["everybody"]
        named = (name for name in self._outside if name not in self.orphans)
        return [*(name for name in named if (account_of(name) or Caller(name).account) != account), *self.unreadable]

    def _listed(self, caller: Caller) -> Covers:
        if self.everyone or caller.name in (self.services if caller.is_service else self.names):
            return Covers.YES
        who = (caller.account, caller.friendly_name)
        if caller.kind == "assumed-role" and ("role", *who) in self._callers:
            return Covers.YES
        if caller.kind == "root" and caller.account in self.accounts:
            return Covers.YES
        if self._is_unclear(caller):
            return Covers.UNCLEAR
        return Covers.ACCOUNT if caller.account in self.accounts else Covers.NO

    def _is_unclear(self, caller: Caller) -> bool:
        """Whether AWS leaves open if the caller is meant.

        The policy names a session of the role that calls, the user behind a session, an account by its canonical id, an
        identity provider that may have let the role in, or somebody in a way that AWS does not document.
        """
        who = (caller.account, caller.friendly_name)
        return (
            (caller.kind == "role" and ("assumed-role", *who) in self._callers)
            or (caller.kind == "federated-user" and ("user", *who) in self._callers)
            or (self._canonical and not caller.is_service)
            or (self._federated and caller.kind in ("role", "assumed-role"))
            or bool(self.unreadable)
            or any(pattern.fullmatch(caller.name) for pattern in self._patterns)
        )

    def _all_but(self, caller: Caller) -> Covers:
        """NotPrincipal excepts a listed caller whose role and account are listed too. AWS leaves other cases open."""
        if self.everyone:
            return Covers.NO
        listed = self._listed(caller)
        if caller.is_service or listed is Covers.UNCLEAR:
            return {Covers.YES: Covers.NO, Covers.NO: Covers.YES}.get(listed, listed)
        if listed is Covers.YES:
            role = ("role", caller.account, caller.friendly_name)
            role_too = caller.kind != "assumed-role" or role in self._callers
            return Covers.NO if role_too and caller.account in self.accounts else Covers.UNCLEAR
        # Naming the account alone spares nobody but its root: AWS's example lists it beside the user it spares.
        return Covers.YES


def account_of(name: str) -> str | None:
    """The account that a name under AWS means as a whole: its id, or the ARN of its root."""
    if _ACCOUNT.fullmatch(name):
        return name
    caller = Caller(name)
    return caller.account if caller.kind == "root" else None


def _names(written: Any) -> dict[str, list[str]]:
    """The names by kind; "?" has everything of a kind that AWS does not document."""
    names: dict[str, list[str]] = {kind: [] for kind in (*KINDS, "?")}
    for kind, value in written.items() if isinstance(written, Mapping) else [("?", written)]:
        for name in value if isinstance(value, list) else [value]:
            names[kind if kind in KINDS and isinstance(name, str) else "?"].append(str(name))
    return names
