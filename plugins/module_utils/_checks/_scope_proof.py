# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof that a key policy admits nobody from outside whom it does not name: statement by statement, not by trying.

A statement is closed if one of its conditions holds only for accounts or organizations that it names in full, or if a
Deny takes away from everybody else what it grants. Nothing is proven about any other statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from .._policy import SERVICE, TRAIL_KEY, Condition, Context, Policy, Principals, Statement, split_operator

# Texts that fix one account, whatever the wildcards in them stand for: an account; an ARN, compared part by part; an
# ARN compared as a text, where no wildcard may stand before the account, since the last part may hold colons (IAM API
# reference, CreateRole, Path); the ARN of a trail or an event data store as a text, whose last part holds none.
_ACCOUNT = re.compile(r"[0-9]{12}\**")
_ARN = re.compile(r"(?:[^:$]*:){4}[0-9]{12}\**:.*", re.DOTALL)
_ARN_AS_TEXT = re.compile(r"(?:[^:$*?]*:){4}[0-9]{12}(?:[:*].*)?", re.DOTALL)
_OF_CLOUDTRAIL = re.compile(r"(?:[^$]*:)?[0-9]{12}(?:[:*].*)?", re.DOTALL)
# Texts that fix one organization. Of a path that is its first part alone: the ids of roots and organizational units are
# unique in their organization only (Organizations API reference, Root and OrganizationalUnit, Id).
_ORGANIZATION = re.compile(r"[A-Za-z0-9-]+")
_PATH = re.compile(r"[A-Za-z0-9-]+/.*", re.DOTALL)
_SERVICE_NAME = re.compile(r"[a-z0-9.-]+")
_OF_ARNS = frozenset((_ARN_AS_TEXT, _OF_CLOUDTRAIL))
# Variables whose values the owner of the key has, and what stands for them here.
_OWNERS = re.compile(r"\$\{aws:Resource(?:(Account)|OrgID)\}", re.IGNORECASE)
# The same turned round: what the owner has is compared with what the caller has.
_OWNED = {"aws:resourceaccount": _ACCOUNT, "aws:resourceorgid": _ORGANIZATION}
_CALLERS = re.compile(r"\$\{([^},\s]+)\}")
_TEXTS = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
_ARNS = ("ArnEquals", "ArnLike")
Table: TypeAlias = Mapping[str, re.Pattern[str]]
# What a call carries, by condition key.
Keys: TypeAlias = Mapping[str, "str | tuple[str, ...]"]
# "AWS global condition context keys" and "AWS KMS condition keys": which keys tell whose call it is, and how.
OF_PRINCIPALS: Table = {
    "kms:calleraccount": _ACCOUNT,
    "aws:principalaccount": _ACCOUNT,
    "aws:principalarn": _ARN_AS_TEXT,
    "aws:principalorgid": _ORGANIZATION,
    "aws:principalorgpaths": _PATH,
}
OF_SERVICES: Table = {
    **OF_PRINCIPALS,
    "aws:sourceaccount": _ACCOUNT,
    "aws:sourcearn": _ARN_AS_TEXT,
    "aws:sourceorgid": _ORGANIZATION,
    "aws:sourceorgpaths": _PATH,
}
# A service that a policy names is somebody's decision where it may use the key.
OF_USERS: Table = {
    **OF_SERVICES,
    "aws:principalservicename": _SERVICE_NAME,
    "aws:principalservicenameslist": _SERVICE_NAME,
}
OF_CLOUDTRAIL: Table = {**OF_SERVICES, "aws:sourcearn": _OF_CLOUDTRAIL, TRAIL_KEY.lower(): _OF_CLOUDTRAIL}
# The same page: they are in every request of a principal.
ALWAYS = frozenset(("kms:calleraccount", "aws:principalaccount", "aws:principalarn"))


@dataclass(frozen=True)
class Outsiders:
    """One kind of callers from outside, and what a policy should not let them do unless it names them.

    `known` is what every such call carries, or does not carry. `binding` are the keys by which a policy can name some
    of them, and `always` those that all their calls carry. `meant` tells whether an Allow may mean them without naming
    anyone, `denied` whether a Deny means them all. `remedy` is how to close a statement.
    """

    actions: Sequence[str]
    known: Context
    binding: Table
    meant: Callable[[Principals], bool]
    denied: Callable[[Principals], bool]
    remedy: str
    always: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Proof:
    """What to prove about a policy of a key."""

    policy: Policy
    key_arn: str

    def open_to(self, outsiders: Outsiders) -> Iterator[Statement]:
        """The statements that cannot be proven closed to them."""
        denied = self._denied(outsiders)
        for statement in self.policy.readings:
            granted = _covered(statement, outsiders) - denied
            if statement.effect == "Allow" and granted and self._may_apply(statement, outsiders):
                yield statement

    def _may_apply(self, statement: Statement, outsiders: Outsiders) -> bool:
        """Whether an Allow may apply to a call of somebody whom it does not name."""
        principals, resources = statement.principals, statement.resources
        if principals is None or resources is None or not outsiders.meant(principals):
            return False
        if statement.why_unclear:
            return True
        closing = (
            self._binds(each, outsiders) or each.holds(outsiders.known) is False for each in statement.conditions
        )
        return resources.cover(self.key_arn, outsiders.known) is not False and not any(closing)

    def _denied(self, outsiders: Outsiders) -> frozenset[str]:
        """The actions that are denied to all of them whom no condition names."""
        return frozenset(
            action
            for statement in self.policy.readings
            if statement.effect == "Deny" and self._surely_applies(statement, outsiders)
            for action in _covered(statement, outsiders, surely=True)
        )

    def _surely_applies(self, statement: Statement, outsiders: Outsiders) -> bool:
        principals, resources = statement.principals, statement.resources
        if principals is None or resources is None or statement.why_unclear:
            return False
        if not outsiders.denied(principals) or not resources.cover(self.key_arn, outsiders.known):
            return False
        return all(
            self._binds(each, outsiders, spares=True) or each.holds(outsiders.known) for each in statement.conditions
        )

    def _binds(self, condition: Condition, outsiders: Outsiders, *, spares: bool = False) -> bool:
        """Whether a condition holds (or, with `spares`, does not hold) only for those whom it names in full."""
        if not condition.is_documented:
            return False
        base = split_operator(condition.operator)[1].replace("Not", "", 1)
        text = outsiders.binding.get(condition.folded_key)
        is_arn_operator = base in _ARNS and text in _OF_ARNS
        is_turned = base in _TEXTS and _is_turned(condition, outsiders.binding)
        if not is_turned and (text is None or not (base in _TEXTS or is_arn_operator)):
            return False
        # A negated operator holds without the key, so that a Deny of it denies then too.
        optional = condition.quantifier == "ForAllValues" or (condition.if_exists and not spares)
        is_present = condition.folded_key in outsiders.always or condition.folded_key == "aws:resourceaccount"
        if condition.negated != spares or (spares and condition.quantifier) or (optional and not is_present):
            return False
        if is_turned or text is None:
            return is_turned
        return _all_fix(condition.values, _ARN if is_arn_operator else text, self.key_arn.split(":")[4])


def _is_turned(condition: Condition, binding: Table) -> bool:
    """Whether it compares values of the owner of the key only with variables for values of the caller."""
    owned = _OWNED.get(condition.folded_key)
    named = [_CALLERS.fullmatch(value) for value in condition.values]
    return owned is not None and bool(named) and all(each and binding.get(each[1].lower()) is owned for each in named)


@lru_cache(maxsize=256)
def _all_fix(values: tuple[str, ...], text: re.Pattern[str], owner: str) -> bool:
    """Whether each of the values fixes one account or organization; variables stand for those of the owner."""
    return all(text.fullmatch(_OWNERS.sub(lambda found: owner if found[1] else "o-owner", each)) for each in values)


def _covered(statement: Statement, outsiders: Outsiders, *, surely: bool = False) -> frozenset[str]:
    """The actions of theirs that a statement covers, or may cover."""
    names = statement.actions
    if names is None:
        return frozenset()
    enough = (True,) if surely else (True, None)
    return frozenset(action for action in outsiders.actions if names.cover(action, outsiders.known) in enough)


_IN_FULL = "in full, without *, ?, IfExists or variables"
_OF_ACCOUNTS = f"name the accounts {_IN_FULL}, in kms:CallerAccount, or the organization in aws:PrincipalOrgID."
_FOR_ACCOUNTS = f"name the accounts {_IN_FULL}, in aws:SourceAccount, or the organization in aws:SourceOrgID."


def of_others(actions: Sequence[str], known: Keys) -> Outsiders:
    """Principals of other accounts."""
    return Outsiders(actions, _only(known), OF_PRINCIPALS, _may_be_any, _is_everybody, _OF_ACCOUNTS, ALWAYS)


def of_any_service(actions: Sequence[str], known: Keys) -> Outsiders:
    """Services that use a key and are not named."""
    return Outsiders(actions, _only(known), OF_USERS, _may_be_any, _is_every_service, _FOR_ACCOUNTS)


def of_administrators(actions: Sequence[str], known: Keys) -> Outsiders:
    """Services that administer a key for any account, whether they are named or not."""
    return Outsiders(actions, _only(known), OF_SERVICES, _may_be_other_service, _is_every_service, _FOR_ACCOUNTS)


def of_cloudtrail(actions: Sequence[str], known: Keys) -> Outsiders:
    """CloudTrail, encrypting for trails of other accounts."""
    remedy = f"name the trails, or their accounts {_IN_FULL}, in aws:SourceArn."
    return Outsiders(actions, _only(known), OF_CLOUDTRAIL, _may_be_cloudtrail, _is_cloudtrail, remedy)


def of_cloudtrail_itself(actions: Sequence[str], known: Keys) -> Outsiders:
    """CloudTrail, administering a key for any account."""
    remedy = "allow CloudTrail nothing but kms:GenerateDataKey*, kms:Decrypt and kms:DescribeKey."
    return Outsiders(actions, _only(known), OF_PRINCIPALS, _may_be_cloudtrail, _is_cloudtrail, remedy)


def _only(known: Keys) -> Context:
    """The context with no other known keys."""
    return Context(known, ("*",))


def _may_be_any(principals: Principals) -> bool:
    return principals.negated or not principals.is_in_full


def _may_be_other_service(principals: Principals) -> bool:
    return _may_be_any(principals) or any(name.lower() != SERVICE for name in principals.services)


def _may_be_cloudtrail(principals: Principals) -> bool:
    return _may_be_any(principals) or any(name.lower() == SERVICE for name in principals.services)


def _is_everybody(principals: Principals) -> bool:
    """Whether a Deny means everybody, or everybody except principals that it names."""
    return principals.is_in_full if principals.negated else principals.everyone


def _is_every_service(principals: Principals) -> bool:
    return _is_everybody(principals) and not (principals.negated and principals.services)


def _is_cloudtrail(principals: Principals) -> bool:
    return _is_every_service(principals) or (not principals.negated and SERVICE in principals.services)
