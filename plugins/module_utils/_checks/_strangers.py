# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who stands for everybody that a policy does not name: accounts, trails, principals, organizations and services.

What strangers choose themselves they choose against the policy: there is one for each way in which its conditions tell
strangers apart, after one that is like none of its patterns. Whom a policy names in full is somebody's decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain, count, product
from string import ascii_letters, ascii_lowercase, digits
from typing import TypeAlias

from .._policy import (
    ACCOUNT_LENGTH,
    TRAIL_KEY,
    Accounts,
    Budget,
    Caller,
    Condition,
    Form,
    Free,
    Patterns,
    Policy,
    Which,
    account_of,
    distinct,
    split_operator,
    texts,
    to_json,
)

# Values that are like one account alone: of an account, of the ARN of a trail, whose other parts hold no colon, and of
# the ARN of a principal, whose path may hold colons (IAM API reference, CreateRole, Path), so that the asterisk of a
# text must not stand before the account; that of an ARN passes no colon.
_ONE_ACCOUNT = re.compile(r"()([0-9]{12})\**$")
_ONE_OF_TRAIL = re.compile(r"(.*:|^)([0-9]{12})(?=$|[:*])")
_ONE_OF_ARN = re.compile(r"((?:[^:]*:){4})([0-9]{12})(?=$|[:*])")
_ONE_OF_TEXT = re.compile(r"((?:[^:*]*:){4})([0-9]{12})(?=$|[:*])")
# What is like one organization alone.
_ONE_OF_ORGANIZATIONS = re.compile(r"o-[a-z0-9]{10,32}(?=$|/)")
_ONE_NAME = re.compile(r"[^*?$]+$")
_VARIABLE = re.compile(r"\$\{([^},]+)")
CALLERS = ("kms:CallerAccount", "aws:PrincipalAccount")
_VARIABLES = (*map(str.lower, CALLERS), "aws:sourceaccount")
_PRINCIPAL, _TRAILS = "aws:principalarn", ("aws:sourcearn", TRAIL_KEY.lower())
_LOWER = ascii_lowercase + digits
# CloudTrail API reference, CreateTrail, Name.
_TRAIL = ("trail/", Free(ascii_letters + digits, 1, 1), Free(ascii_letters + digits + "._-", 2, 127))
# IAM API reference, CreateRole: names have up to 64 characters of these, paths up to 512 with both slashes, of all that
# ASCII prints.
_IAM_NAME = ascii_letters + digits + "_+=,.@-"
_NAME = Free(_IAM_NAME, 1, 64)
# Without colons, which patterns take for those of the ARN.
_PATH = (Free("".join(map(chr, range(0x21, 0x7F))).replace(":", ""), 1, 510), "/")
_SERVICE = (Free(_LOWER + ".-", 2, 60),)
# STS API reference, GetFederationToken, Name.
_FEDERATED = ("federated-user/", Free(_IAM_NAME, 2, 32))
# "AWS global condition context keys", aws:PrincipalArn: a role, a user, a root user, a federated user.
_IAM_TAILS: tuple[tuple[Form, ...], ...] = (
    (("role/", *_PATH, _NAME), ("role/", _NAME), ("role/stranger",)),
    (("user/", *_PATH, _NAME), ("user/", _NAME), ("user/stranger",)),
    (("root",),),
)
# Organizations API reference, Organization, Root and OrganizationalUnit, Id.
_ORGANIZATION = ("o-", Free(_LOWER, 10, 32))
_ROOT = ("/r-", Free(_LOWER, 4, 32), "/")
_UNIT = (*_ROOT, "ou-", Free(_LOWER, 4, 32), "-", Free(_LOWER, 8, 32), "/")
# What a request carries, by condition key.
Context: TypeAlias = Mapping[str, str | tuple[str, ...]]
FOREIGN_ORGANIZATION = "o-0000000000"


class Strangers:
    """The strangers to one policy, for a key. Where the budget does not suffice to find all, it is exhausted.

    `account` is one of them, `role` a role of it.
    """

    def __init__(self, policy: Policy, concerning: Policy, key_arn: str, budget: Budget) -> None:
        """Look for whom the policy names. Only some of its statements concern strangers."""
        self.policy, self._budget = concerning, budget
        _arn, self._partition, _service, self._region, owner = key_arn.split(":")[:5]
        self._named = frozenset((owner, *_named_accounts(policy)))
        self._naming = frozenset(_naming(policy))
        numbers = (f"{number:0{ACCOUNT_LENGTH}}" for number in chain((0, 999_999_999_999), count(1)))
        self.account = next(number for number in numbers if number not in self._named)
        self.role = f"arn:{self._partition}:iam::{self.account}:role/stranger"
        asked = to_json([each.document for each in concerning.statements])
        conditions = chain.from_iterable(statement.conditions for statement in concerning.statements)
        self._keys = {each.folded_key for each in conditions}.union(map(str.lower, _VARIABLE.findall(asked)))
        self._asked: dict[str, bool] = {}

    def asked(self, contexts: Iterable[Context]) -> list[Context]:
        """Of contexts those that differ in what the statements ask for."""
        kinds: dict[object, Context] = {}
        for context in contexts:
            if not self._budget.spend(1):
                break
            names = (name for name in context if self._is_asked(name))
            kinds.setdefault(tuple((name, context[name]) for name in names), context)
        return list(kinds.values())

    def _is_asked(self, name: str) -> bool:
        """Whether the statements ask for a key, or for one of those that its asterisk stands for."""
        if name not in self._asked:
            self._asked[name] = any(fnmatchcase(key, name.lower()) for key in self._keys)
        return self._asked[name]

    def accounts(self) -> Iterator[str]:
        """Accounts from which a service may call."""
        yield self.account
        nothing = Patterns((), {})
        yield from self._accounts(*CALLERS, "aws:SourceAccount").of(nothing, nothing.start)

    def trails(self) -> Iterator[str]:
        head = f"arn:{self._partition}:cloudtrail:"
        yield f"{head}{self._region}:{self.account}:trail/stranger"
        accounts = self._accounts("aws:SourceAccount", *CALLERS)
        heads = ((head, *self._regions(), ":"), (head, f"{self._region}:"))
        yield from self._arns(
            self._asking("aws:SourceArn", TRAIL_KEY), accounts, heads, ((_TRAIL, ("trail/stranger",)),)
        )

    def principals(self) -> Iterator[str]:
        """ARNs of roles, users, root users and federated users."""
        head = f"arn:{self._partition}:iam::"
        yield self.role
        asking, accounts = self._asking("aws:PrincipalArn"), self._accounts(*CALLERS)
        yield from self._arns(asking, accounts, ((head,),), _IAM_TAILS)
        yield from self._arns(asking, accounts, ((f"arn:{self._partition}:sts::",),), ((_FEDERATED,),))
        users = product(self.accounts(), self._texts((_NAME,), "aws:username"))
        yield from (f"{head}{account}:user/{name}" for account, name in users)

    def organizations(self, whose: str) -> list[Context]:
        """What a call carries of the organization of its `Source` or `Principal`: a foreign one, or none."""
        keys = f"aws:{whose}OrgID", f"aws:{whose}OrgPaths"
        paths = dict.fromkeys((f"{FOREIGN_ORGANIZATION}/", *self._paths(*keys)))
        return [{keys[0]: path.partition("/")[0], keys[1]: path} for path in paths] + [dict.fromkeys(keys, ())]

    def services(self) -> list[str]:
        """Services through which somebody may call. In all partitions kms:ViaService ends alike (KMS guide)."""
        return self._texts((*_SERVICE, ".amazonaws.com"), "kms:ViaService")

    def callers(self) -> list[str]:
        """Names of services that call for themselves, but for those that conditions name."""
        keys = "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList"
        patterns = Patterns(self._asking(*keys), {}, decided=self._deciding(_ONE_NAME))
        found = texts((*_SERVICE, ".amazonaws.com"), patterns, {patterns.start: ""}, self._budget)
        kinds = {patterns.answers(state): name for state, name in found.items() if not patterns.is_decided(state)}
        return list(kinds.values())

    def _texts(self, form: Form, key: str) -> list[str]:
        """Values of a key that anybody may choose."""
        patterns = Patterns(self._asking(key), {})
        return distinct(texts(form, patterns, {patterns.start: ""}, self._budget), patterns, self._budget)

    def _asking(self, *keys: str) -> list[Condition]:
        """The conditions on some keys."""
        folded = {key.lower() for key in keys}
        conditions = chain.from_iterable(statement.conditions for statement in self.policy.statements)
        return [each for each in conditions if each.folded_key in folded]

    def _accounts(self, *keys: str) -> Accounts:
        return Accounts(self._asking(*keys), self._named, _is_named, self._budget)

    def _regions(self) -> Form:
        """The form of Regions' names in the key's partition: `us-east-1`, `us-gov-west-1`; of up to two digits."""
        area = self._region.split("-")[:-2]
        begin = ("-".join(area),) if len(area) > 1 else (Free(ascii_lowercase, 2, 2),)
        return (*begin, "-", Free(ascii_lowercase, 4, 9), "-", Free(digits, 1, 2))

    def _arns(
        self, asking: Sequence[Condition], accounts: Accounts, heads: Sequence[Form], kinds: Sequence[Sequence[Form]]
    ) -> Iterator[str]:
        """ARNs that begin in one of these forms, go on with an account, and end in one form of each kind."""
        anyone = Patterns(asking, dict.fromkeys(_VARIABLES, "?" * ACCOUNT_LENGTH), _is_named)
        begun = {anyone.start: ""}
        begins = {state: text for form in heads for state, text in texts(form, anyone, begun, self._budget).items()}
        for state, begin in begins.items():
            for account in accounts.of(anyone, state):
                if not self._budget.spend(anyone.steps_of_preparing):
                    return
                patterns = Patterns(asking, dict.fromkeys(_VARIABLES, account), _is_named)
                own = {patterns.after(patterns.start, f"{begin}{account}:"): f"{begin}{account}:"}
                for forms in kinds:
                    ended = (texts(form, patterns, own, self._budget) for form in forms)
                    yield from distinct(
                        {state: arn for each in ended for state, arn in each.items()}, patterns, self._budget
                    )

    def _paths(self, *keys: str) -> list[str]:
        """Paths of organizations, such as begin with none that conditions name."""
        patterns = Patterns(self._asking(*keys), {}, decided=self._deciding(_ONE_OF_ORGANIZATIONS))
        found = texts(_ORGANIZATION, patterns, {patterns.start: ""}, self._budget)
        kinds = {
            (patterns.answers(state), patterns.after(state, "/")): (state, text)
            for state, text in found.items()
            if not patterns.is_decided(state)
        }
        paths = {
            (answers, patterns.answers(end)): path
            for (answers, _after), (state, text) in kinds.items()
            for tail in (("/",), _ROOT, _UNIT)
            for end, path in texts(tail, patterns, {state: text}, self._budget).items()
            if self._budget.spend(patterns.steps_of_answers) and not patterns.is_decided(end)
        }
        return list(paths.values())

    def _deciding(self, one: re.Pattern[str]) -> Which:
        """Which values name somebody whom the policy thereby lets in."""
        return lambda condition, value: condition in self._naming and one.match(value) is not None


def _named_accounts(policy: Policy) -> Iterator[str]:
    """The accounts that a policy names in full: as principals, and in conditions that fix who calls."""
    for statement in policy.statements:
        for name in statement.principals.names if statement.principals else ():
            yield from filter(None, (account_of(name) or Caller(name).account,))
        for condition in statement.conditions:
            yield from filter(None, (_one_account(condition, value) for value in condition.values))


def _one_account(condition: Condition, value: str) -> str | None:
    """The account that a value of a condition is like, where it can be like no other."""
    base = split_operator(condition.operator)[1]
    if not base.startswith(("String", "Arn")):
        return None
    key = condition.folded_key
    of_principal = _ONE_OF_ARN if base.startswith("Arn") else _ONE_OF_TEXT
    one = (
        _ONE_ACCOUNT
        if key in _VARIABLES
        else {_PRINCIPAL: of_principal}.get(key, _ONE_OF_TRAIL if key in _TRAILS else None)
    )
    found = one.match(value) if one else None
    return found[2] if found else None


def _is_named(condition: Condition, value: str) -> bool:
    return _one_account(condition, value) is not None


def _naming(policy: Policy) -> Iterator[Condition]:
    """The conditions that let in whom they name: those of an Allow, and what a Deny spares."""
    for statement in policy.statements:
        for condition in statement.conditions:
            if condition.negated == (statement.effect == "Deny"):
                yield condition
