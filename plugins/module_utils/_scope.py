# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to read: accounts, regions and trails, and the role of each account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ._model import LogFolder, Proof, ReaderCalls, Snapshot, Trail


@dataclass(frozen=True)
class Role:
    """A role to assume (STS API reference, AssumeRole): its ARN, what its trust policy may ask for, and the option that
    names it, where that is not assume_role.
    """

    role_arn: str
    external_id: str | None = None
    session_name: str = "aws-baseline-cloudtrail"
    option: str = field(default="", compare=False)

    @property
    def account_id(self) -> str:
        return self.role_arn.split(":")[4]

    @property
    def partition(self) -> str:
        return self.role_arn.split(":")[1]


@dataclass(frozen=True)
class NamedRole:
    """A role that has the same name in many accounts of a sweep; `role_name` may start with its path."""

    role_name: str
    external_id: str | None = None
    session_name: str = "aws-baseline-cloudtrail"

    def of(self, partition: str, account_id: str) -> Role:
        """Return the role of one account."""
        arn = f"arn:{partition}:iam::{account_id}:role/{self.role_name}"
        return Role(arn, self.external_id, self.session_name)


@dataclass(frozen=True)
class AccountScope:
    """What to read of one account of a sweep, and the role to assume there.

    The caller's own account is read with the caller's own credentials, and needs no role.
    """

    account_id: str
    role: Role | NamedRole | None = None
    regions: tuple[str, ...] = ()
    trails: tuple[str, ...] = ()
    key_tags: bool = False


@dataclass(frozen=True)
class Scope:
    """What to read: `regions` and `trails` (names or ARNs), empty for all; the roles in the accounts of the owners.

    A sweep reads `accounts`, each as it says; without them the account of the caller, or of `role`, is read.
    `key_tags`: the tags of keys too. `second_policies` returns the keys of a snapshot whose second policy, which RAM
    makes, could change a verdict, and `of_readers` the calls of readers that IAM is to simulate. `proof` says what of
    AWS's own doing is read, and `folders` where the files of a trail lie.
    """

    regions: tuple[str, ...] = ()
    trails: tuple[str, ...] = ()
    accounts: tuple[AccountScope, ...] = ()
    role: Role | None = None
    key_role: Role | None = None
    bucket_role: Role | None = None
    concurrency: int = 64
    key_tags: bool = False
    second_policies: Callable[[Snapshot], Iterable[str]] = field(default=lambda _snapshot: (), compare=False)
    proof: Proof = "none"
    folders: Callable[[Snapshot, Trail], Sequence[LogFolder]] = field(default=lambda _read, _trail: (), compare=False)
    of_readers: Callable[[Snapshot], Iterable[ReaderCalls]] = field(default=lambda _snapshot: (), compare=False)

    @property
    def first_region(self) -> str | None:
        """Return the first region that an option names, to ask in where the credentials come with none."""
        return next(iter((*self.regions, *(region for each in self.accounts for region in each.regions))), None)

    @property
    def key_writers(self) -> dict[str, str]:
        """Return the ARN of the role that writes to the keys of another account, by that account's id."""
        return {self.key_role.account_id: self.key_role.role_arn} if self.key_role else {}

    def of(self, account_id: str) -> Scope:
        """Return what to read of an account: for one of a sweep, what its entry in `accounts` says."""
        each: Scope | AccountScope = self._own.get(account_id, self)
        return replace(self, regions=each.regions, trails=each.trails, key_tags=each.key_tags)

    @cached_property
    def _own(self) -> Mapping[str, AccountScope]:
        return {each.account_id: each for each in self.accounts}
