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

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._budget import Budget
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._conditions import Condition
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._context_facts import TRAIL_KEY
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._document import Policy, to_json
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._policy._witnesses import (
    ACCOUNT_LENGTH,
    Accounts,
    Form,
    Free,
    Patterns,
    distinct,
    texts,
)

# Every account that a text mentions, also in longer numbers.
_TWELVE_DIGITS = re.compile(r"(?=([0-9]{12}))")
# A pattern that is like this account alone, or like ARNs of this account alone: in those of strangers no other part
# has a colon on both sides that digits could stand between.
_NAMED = re.compile(r"(?:^|:)[0-9]{12}(?:$|:)")
_ID = re.compile(r"(?:o-[a-z0-9]{10,32}|r-[a-z0-9]{4,32}|ou-[a-z0-9]{4,32}-[a-z0-9]{8,32})(?![a-z0-9])")
_VARIABLE = re.compile(r"\$\{([^},]+)")
_NOTHING = re.compile(r"(?!)")
CALLERS = ("kms:CallerAccount", "aws:PrincipalAccount")
_VARIABLES = (*map(str.lower, CALLERS), "aws:sourceaccount")
_LOWER = ascii_lowercase + digits
# CloudTrail API reference, CreateTrail, Name.
_TRAIL = ("trail/", Free(ascii_letters + digits, 1, 1), Free(ascii_letters + digits + "._-", 2, 127))
# IAM API reference, CreateRole: names have up to 64 characters of these, paths up to 512 with both slashes.
_IAM_NAME = ascii_letters + digits + "_+=,.@-"
_NAME = Free(_IAM_NAME, 1, 64)
_PATH = (Free(_IAM_NAME + "/", 1, 510), "/")
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
        """Look for whom the policy mentions, in whatever spelling. Only some of its statements concern strangers."""
        self.policy, self._budget = concerning, budget
        _arn, self._partition, _service, self._region, owner = key_arn.split(":")[:5]
        text = to_json([each.document for each in policy.statements])
        self._mentioned = frozenset((owner, *_TWELVE_DIGITS.findall(text)))
        self._ids = frozenset(_ID.findall(text))
        numbers = (f"{number:0{ACCOUNT_LENGTH}}" for number in chain((0, 999_999_999_999), count(1)))
        self.account = next(number for number in numbers if number not in self._mentioned)
        self.role = f"arn:{self._partition}:iam::{self.account}:role/stranger"

    def asked(self, contexts: Iterable[Context]) -> list[Context]:
        """Of contexts those that differ in what the statements ask for."""
        conditions = chain.from_iterable(statement.conditions for statement in self.policy.statements)
        text = to_json([each.document for each in self.policy.statements])
        keys = {each.folded_key for each in conditions}.union(map(str.lower, _VARIABLE.findall(text)))
        found: dict[object, Context] = {}
        for context in contexts:
            names = (name for name in context if any(fnmatchcase(key, name.lower()) for key in keys))
            found.setdefault(tuple((name, context[name]) for name in names), context)
        return list(found.values())

    def accounts(self) -> Iterator[str]:
        """Accounts from which a service may call."""
        yield self.account
        nothing = Patterns((), {}, _NOTHING)
        yield from self._accounts(*CALLERS, "aws:SourceAccount").of(nothing, nothing.start)

    def trails(self) -> Iterator[str]:
        """ARNs of trails."""
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
        """Services through which somebody may call, by kms:ViaService."""
        suffix = ".amazonaws.com" + (".cn" if self._partition == "aws-cn" else "")
        return self._texts((Free(_LOWER + ".-", 2, 60), suffix), "kms:ViaService")

    def _texts(self, form: Form, key: str) -> list[str]:
        """Values of a key that anybody may choose."""
        patterns = Patterns(self._asking(key), {}, _NOTHING)
        return distinct(texts(form, patterns, {patterns.start: ""}, self._budget), patterns)

    def _asking(self, *keys: str) -> list[Condition]:
        """The conditions on some keys."""
        folded = {key.lower() for key in keys}
        conditions = chain.from_iterable(statement.conditions for statement in self.policy.statements)
        return [each for each in conditions if each.folded_key in folded]

    def _accounts(self, *keys: str) -> Accounts:
        return Accounts(self._asking(*keys), self._mentioned, _NAMED, self._budget)

    def _regions(self) -> Form:
        """The form of Regions' names in the key's partition: `us-east-1`, `us-gov-west-1`."""
        area = self._region.split("-")[:-2]
        begin = ("-".join(area),) if len(area) > 1 else (Free(ascii_lowercase, 2, 2),)
        return (*begin, "-", Free(ascii_lowercase, 4, 9), "-", Free("123456789", 1, 1))

    def _arns(
        self, asking: Sequence[Condition], accounts: Accounts, heads: Sequence[Form], kinds: Sequence[Sequence[Form]]
    ) -> Iterator[str]:
        """ARNs that begin in one of these forms, go on with an account, and end in one form of each kind."""
        anyone = Patterns(asking, dict.fromkeys(_VARIABLES, "?" * ACCOUNT_LENGTH), _NAMED)
        begun = {anyone.start: ""}
        begins = {state: text for form in heads for state, text in texts(form, anyone, begun, self._budget).items()}
        for state, begin in begins.items():
            for account in accounts.of(anyone, state):
                patterns = Patterns(asking, dict.fromkeys(_VARIABLES, account), _NAMED)
                own = {patterns.after(patterns.start, f"{begin}{account}:"): f"{begin}{account}:"}
                for forms in kinds:
                    ended = (texts(form, patterns, own, self._budget) for form in forms)
                    yield from distinct({state: arn for each in ended for state, arn in each.items()}, patterns)

    def _paths(self, *keys: str) -> Iterator[str]:
        """Paths of organizations, such as name neither an organization, nor a root, nor an OU that the policy names."""
        patterns = Patterns(self._asking(*keys), {}, _NOTHING)
        found = texts(_ORGANIZATION, patterns, {patterns.start: ""}, self._budget)
        kinds = {(patterns.answers(state), patterns.after(state, "/")): (state, text) for state, text in found.items()}
        for state, text in kinds.values():
            for tail in (("/",), _ROOT, _UNIT):
                ended = texts(tail, patterns, {state: text}, self._budget)
                yield from (path for path in distinct(ended, patterns) if self._ids.isdisjoint(_ID.findall(path)))
