# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy and the tags that a key is created with, and how such a key is known again."""

from __future__ import annotations

from collections.abc import Collection

from .._model import PLACEHOLDER, Key
from .._policy import (
    SERVICE,
    Context,
    Policy,
    PolicyError,
    Required,
    Statement,
    account_of,
    administrators_statement,
    is_administrators,
    is_ours,
    is_readers,
    listing,
    meaning,
    new_key_policy,
    parse,
    root_statement,
)
from .._request import CREATED_FOR_TAG, KeyRequest

# Of one of these accounts a caller certainly is, or a service calls for it, where a statement demands it (KMS guide,
# "AWS KMS condition keys"; "AWS global condition context keys", aws:SourceAccount).
_CALLERS = ("kms:calleraccount", "aws:principalaccount", "aws:sourceaccount")
_NOTHING_KNOWN = Context({}, ("*",))


def policy_of_new_key(required: Required, request: KeyRequest) -> Policy:
    """Return the whole policy of a new key: the account's root, its administrators, CloudTrail and the readers.

    Raises MergeRefusedError if KMS would not accept it.
    """
    policy = new_key_policy(required)
    if not request.administrators:
        return policy
    present = [each.document for each in policy.statements]
    return policy.with_statements([*present, administrators_statement(request.administrators)])


def tags_of_new_key(request: KeyRequest) -> dict[str, str]:
    """Return the tags of a new key: the user's, and ours."""
    return {**request.tags, CREATED_FOR_TAG: request.alias}


def key_to_create(place: str, request: KeyRequest) -> Key:
    """Return the key that CreateKey will make, still without its policy and its alias. `place` begins its ARN."""
    return Key(
        arn=f"{place}:{PLACEHOLDER}",
        manager="CUSTOMER",
        state="Enabled",
        spec="SYMMETRIC_DEFAULT",
        usage="ENCRYPT_DECRYPT",
        origin="AWS_KMS",
        multi_region=request.multi_region,
        primary_arn=None,
        aliases=(),
        policy="",
        rotation_enabled=False,
        tags=tags_of_new_key(request),
    )


def is_created_here(key: Key, request: KeyRequest) -> bool:
    """Return whether the key is one that this request creates, by its policy and by its key material."""
    return has_policy_of_a_new_key(key) and key.has_material_of_a_new_key(multi_region=request.multi_region)


def has_policy_of_a_new_key(key: Key) -> bool:
    """Return whether we have made the key's policy: the account's root first, then nothing but our statements."""
    policy = policy_of(key)
    # What AWS does not document may say more than we read in it.
    if policy is None or not policy.statements or policy.readings != policy.statements:
        return False
    root, *others = policy.statements
    ours = (is_ours(each.document) or is_administrators(each.document) for each in others)
    return _is_root(root, key) and bool(others) and all(ours)


def why_not_trusted(key: Key, readers: Collection[str], administrators: Collection[str]) -> str | None:
    """Return what in the key's policy reaches beyond the key's account, by statement; None where nothing does.

    Our own statements of readers and administrators are judged by whom they name, like any other: they may name these
    `readers` and these `administrators`, which a run has from its user, and else the account's own.
    """
    policy = policy_of(key)
    for statement in policy.readings if policy else ():
        if statement.why_unclear and statement.effect == "Allow":
            which = "policy" if policy and policy.undocumented else statement.label
            return f"nobody can tell whom its {which} lets in: {listing(statement.why_unclear)}"
        account = key.arn.split(":")[4]
        trusted = _trusted(statement, readers, administrators) or ()
        strangers = set(_strangers(statement, account)) - set(map(_folded, trusted))
        strangers |= set(_administrating_services(statement, account))
        if strangers:
            return f"its {statement.label} reaches beyond its account, to {listing(sorted(strangers))}"
    return None


def why_not_adopted(key: Key, request: KeyRequest, readers: Collection[str]) -> str | None:
    """Return why a key that seems to be left behind by a run is not trusted; None where nothing speaks against it.

    In a key like those that this request creates, our statements must also name nobody but these `readers` and the
    administrators of the request. Anyone who may create keys could name themselves there.
    """
    reason = why_not_trusted(key, readers, request.administrators)
    if reason or not is_created_here(key, request):
        return reason
    policy = policy_of(key)
    for statement in policy.statements if policy else ():
        trusted = _trusted(statement, readers, request.administrators)
        if trusted is None or statement.principals is None:
            continue
        others = set(map(_folded, statement.principals.names)) - set(map(_folded, trusted))
        if others:
            return f"its {statement.label} names {listing(sorted(others))}, whom this run would not name there"
    return None


def _trusted(statement: Statement, readers: Collection[str], administrators: Collection[str]) -> Collection[str] | None:
    """Return whom the run would name itself in this statement of ours; None for any other statement."""
    if is_readers(statement.document):
        return readers
    return administrators if is_administrators(statement.document) else None


def policy_of(key: Key) -> Policy | None:
    """Return the policy of a key; None where it could not be read, or is none."""
    try:
        return parse(key.policy) if isinstance(key.policy, str) else None
    except PolicyError:
        return None


def _is_root(statement: Statement, key: Key) -> bool:
    """Return whether it says what our statement of the account says, under whatever Sid."""
    root = root_statement(key.arn)
    document = statement.document
    return isinstance(document, dict) and meaning({**document, "Sid": root["Sid"]}) == meaning(root)


def _strangers(statement: Statement, account: str) -> list[str]:
    """Return whom an Allow lets in from outside of the account."""
    if statement.effect != "Allow" or statement.principals is None or _is_narrowed(statement, account):
        return []
    return list(map(_folded, statement.principals.strangers(account)))


def _administrating_services(statement: Statement, account: str) -> list[str]:
    """Return the services beside CloudTrail that an Allow lets change the key's policy, for whatever account."""
    principals, actions = statement.principals, statement.actions
    if statement.effect != "Allow" or principals is None or actions is None or principals.negated:
        return []
    if actions.cover("kms:PutKeyPolicy", _NOTHING_KNOWN) is False or _is_narrowed(statement, account):
        return []
    return sorted(principals.services - {SERVICE})


def _folded(principal: str) -> str:
    """Return an account by its id, and anybody else by name."""
    return account_of(principal) or principal


def _is_narrowed(statement: Statement, account: str) -> bool:
    """Return whether a condition lets in nobody but callers of the account."""
    return any(
        each.is_documented
        and (each.folded_key in _CALLERS and each.operator == "StringEquals" and set(each.values) == {account})
        for each in statement.conditions
    )
