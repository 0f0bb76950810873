# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan is, and the choice of a key for a bucket region.

The present key is chosen if it can be used, else one is adopted or created.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from .._checks import Remedy, Result, Settings, is_approved, role_of_key_owner
from .._model import Change, Key, KeyLookup, Options, ReadError, Reason, Snapshot, is_denied, next_step
from .._policy import NOTHING_KNOWN, Known, Required
from .._request import CREATED_FOR_TAG, EnforceRequest, RefusedError
from ._new_key import is_created_here, key_to_create, why_not_adopted
from ._remedies import Intent, is_right_kind


@dataclass(frozen=True)
class KeyPlan:
    """A key, present or to be created, and what to do for the trails that use it or will use it.

    `log_contexts` and `known` are those of `_merge.Required`.
    """

    key: Key
    is_new: bool = False
    needs_alias: bool = False
    intents: tuple[Intent, ...] = ()
    log_contexts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: Known = NOTHING_KNOWN

    @property
    def granted(self) -> tuple[Intent, ...]:
        """The trails that the key's policy must allow CloudTrail to encrypt for."""
        return tuple(each for each in self.intents if each.needs_key or Remedy.MERGE in each.remedies)

    def required(self, request: EnforceRequest, settings: Settings) -> Required:
        """Return what the key's policy must allow."""
        trails = tuple(sorted(each.trail.arn for each in self.granted))
        # A trail that is moved here needs all: UpdateTrail may insist on DescribeKey, too.
        needed = {each.trail.arn: each.lacking for each in self.granted if not each.needs_key}
        known = replace(self.known, key=self.key)
        return Required(self.key.arn, trails, settings.readers, request.statements, self.log_contexts, needed, known)


def key_account(snapshot: Snapshot, request: EnforceRequest) -> str:
    """Return the account in which keys are found by their alias, or created."""
    return request.key_account_id or snapshot.account_id


def choose_key(
    snapshot: Snapshot, region: str, lookup: KeyLookup, request: EnforceRequest, settings: Settings
) -> KeyPlan:
    """Choose the key for the buckets of a region: found, adopted, or to be created. Its plan has no trails yet.

    Raises RefusedError where no key can be used.
    """
    key = lookup.key
    if isinstance(key, ReadError):
        step, options = step_of_owner(snapshot.account_id, request.key_name, key, request)
        raise RefusedError(f"The key {request.key_name} cannot be read: {key}. {step}".rstrip(), *options)
    if isinstance(key, Key):
        _refuse_what_cannot_serve(snapshot, key, region, settings, _as_found(key, request))
        return KeyPlan(key)
    if request.key is None:
        raise RefusedError(
            f"There is no key {request.key_in(region)} ({key.message}).", {"key_id": "a key that exists"}
        )
    orphan = _unaliased_key(snapshot, region, lookup, request, settings)
    key = orphan or key_to_create(
        f"arn:{snapshot.partition}:kms:{region}:{key_account(snapshot, request)}", request.key
    )
    named = replace(key, aliases=(request.key.alias,))
    if orphan is None:
        _refuse_creation(snapshot, named, region, settings)
    _refuse_what_cannot_serve(snapshot, named, region, settings, key.arn)
    return KeyPlan(key, is_new=orphan is None, needs_alias=True)


def step_of_owner(account_id: str, key_id: str, error: ReadError, request: EnforceRequest) -> tuple[str, Options]:
    """Return the next step and the options for a key that could not be read: roles of its own account may read it."""
    owner = key_id.split(":")[4] if key_id.startswith("arn:") else account_id
    if not is_denied(error.code) or owner in (account_id, request.key_account_id):
        return next_step(error), ()
    return "", role_of_key_owner(key_id, account_id, error.iam_action)


def _as_found(key: Key, request: EnforceRequest) -> str:
    """Return the key's ARN, with the alias that leads to it where it is requested by one."""
    return f"{key.arn}, to which {request.key_name} points," if "alias/" in request.key_name else key.arn


def _refuse_creation(snapshot: Snapshot, key: Key, region: str, settings: Settings) -> None:
    if settings.approved_keys and is_approved(key, snapshot.account_id, settings.approved_keys) is not True:
        raise RefusedError(
            f"A new key is needed in {region}, but its alias and tags would not be on the list of approved keys.",
            {"key_id": "an approved key"},
        )


def _unlisted(snapshot: Snapshot, region: str, error: ReadError, request: EnforceRequest) -> RefusedError:
    """Return the refusal for keys that cannot be listed. An audit need not list them: most likely its role is used."""
    answer = f"{error.operation} answered {error.code} ({error.message})"
    if not is_denied(error.code):
        return RefusedError(
            f"There is no {request.key_name} in {region}, and it cannot be read whether an earlier run left its key "
            f"behind: {answer}. {next_step(error)} Or",
            {"key_id": "the key"},
        )
    role = "assume_role" if key_account(snapshot, request) == snapshot.account_id else "key_assume_role"
    return RefusedError(
        f"There is no {request.key_name} in {region}, and the run could not create it: it may not even list keys "
        f"({answer}), so its role is perhaps that of an audit. Use a role that may write: name it in the inventory "
        "(role_name), or",
        {role: "it"},
        {"key_id": "a key that exists"},
    )


def _unaliased_key(
    snapshot: Snapshot, region: str, lookup: KeyLookup, request: EnforceRequest, settings: Settings
) -> Key | None:
    """Return the one key that a run which ended before CreateAlias left behind, if there is one.

    It is ours only if it is in the key's account, has no alias, our tag, and the policy and key material that this run
    would create, and if it is the only such key. A key that reaches beyond its account, or names readers or
    administrators that the run does not, is refused: anybody can give a key our tag, and a statement our Sid.
    """
    unaliased = lookup.unaliased
    if isinstance(unaliased, ReadError):
        raise _unlisted(snapshot, region, unaliased, request)
    enabled = [key for key in unaliased if key.state == "Enabled"]
    unreadable = next((key.policy for key in enabled if isinstance(key.policy, ReadError)), None)
    if unreadable:
        raise RefusedError(
            f"There is no {request.key_name} in {region}, and the policy of a key that an earlier run may have left "
            f"behind cannot be read: {unreadable.code} ({unreadable.message}). {next_step(unreadable)} Or",
            {"key_id": "the key"},
        )
    owned = [key for key in enabled if key.arn.split(":")[4] == key_account(snapshot, request)]
    _refuse_untrusted(owned, request, {*settings.readers, *request.readers}, region)
    ours = [key for key in owned if request.key and is_created_here(key, request.key)]
    if len(ours) > 1:
        raise RefusedError(
            f"There is no {request.key_name} in {region}, and {len(ours)} keys carry our tag and no alias: "
            f"{', '.join(sorted(key.arn for key in ours))}. Give the alias to the one to use, or",
            {"key_id": "it"},
        )
    return ours[0] if ours else None


def _refuse_untrusted(keys: Iterable[Key], request: EnforceRequest, readers: Collection[str], region: str) -> None:
    for key in keys:
        reason = why_not_adopted(key, request.key, readers) if request.key else None
        if reason:
            raise RefusedError(
                f"There is no {request.key_name} in {region}, and the key {key.arn}, which carries our tag and no "
                f"alias, is not taken for one that an earlier run left behind: {reason}. If the key is "
                f"yours, remove that from its policy, or the tag {CREATED_FOR_TAG} from the key; or",
                {"key_id": "a key"},
                key=key.arn,
            )


def _refuse_what_cannot_serve(snapshot: Snapshot, key: Key, region: str, settings: Settings, named: str) -> None:
    """Raise RefusedError for a key that is not approved, or that CloudTrail cannot use for a bucket in this region."""
    why = _why_not(key, region) or _why_not_approved(snapshot, key, settings)
    if why:
        where = f"The key {named} cannot serve the trails with buckets in {region}:"
        raise RefusedError(f"{where} {why.text}", *why.options, key=key.arn)


def _why_not(key: Key, region: str) -> Reason | None:
    another = {"key": "another alias"}
    if key.manager != "CUSTOMER":
        reason = f"it is managed by {key.manager}, so its policy cannot be written."
        return Reason(reason, ({"key_id": "a customer managed key"}, another))
    if not is_right_kind(key):
        reason = (
            f"it is {key.spec} for {key.usage}. CloudTrail uses only keys of spec SYMMETRIC_DEFAULT and usage "
            "ENCRYPT_DECRYPT."
        )
        return Reason(reason, ({"key_id": "one"}, another))
    if key.region != region:
        reason = f"it is in {key.region}. CloudTrail uses only keys in the bucket's region."
        return Reason(reason, ({"key_id": f"a key in {region}"},))
    return None


def _why_not_approved(snapshot: Snapshot, key: Key, settings: Settings) -> Reason | None:
    approved = not settings.approved_keys or is_approved(key, snapshot.account_id, settings.approved_keys)
    if isinstance(approved, Result):
        reason = f"it is unknown whether it is on the list of approved keys. {approved.message} {approved.remediation}"
        return Reason(reason.rstrip(), approved.options)
    if not approved:
        reason = "it is not on the list of approved keys."
        return Reason(reason, ({"key_id": "an approved key"}, {"approved_keys": "a list with this one"}))
    return None


@dataclass(frozen=True)
class Plan:
    """The changes in the order in which they are applied. With a refusal none of them is applied.

    `predicted` is the account as it will be once they are. `key_plans` has, by ARN, the keys that trails use or will
    use.
    """

    changes: tuple[Change, ...]
    refusals: tuple[Reason, ...]
    warnings: tuple[str | Reason, ...]
    predicted: Snapshot
    key_plans: Mapping[str, KeyPlan] = field(default_factory=dict, compare=False)
