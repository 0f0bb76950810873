# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that chance has made (accounts.py) put together to an organization, which one run enforces.

Some share a bucket and a key of the security account, which is sometimes an account of the run as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._plan._joint import AGREED
from tests.fakeaws.scenario import templates
from tests.fakeaws.scenario.spec import Scenario, parse
from tests.random.accounts import ACCOUNT, ENFORCER, ORGANIZATION, READERS, REGIONS, SECURITY, Case, Maker, distinct
from tests.random.statements import for_buckets, for_keys

OTHERS = (SECURITY, "333333333333", "444444444444", "555555555555")
CENTRAL_BUCKET, CENTRAL_KEY = "central-logs", "central-key"


def make_organization(name: str) -> Case:
    """The organization of this name, which is all that it depends on."""
    return _Organization(name).case()


def reordered(case: Case, random: Random) -> Case:
    """The same organization, with its accounts as well in another order that means nothing."""
    options = dict(case.options)
    for option in ("accounts", "account_options"):
        options[option] = random.sample(options[option], len(options[option]))
    return replace(case.shuffled(random), options=options)


class _Organization:
    """Draws the accounts, then what they share, then the policies of all."""

    def __init__(self, name: str) -> None:
        self.name, self.random = name, Random(f"organization {name}")
        self.accounts = [ACCOUNT, *self.random.sample(OTHERS, self.random.randint(1, len(OTHERS)))]
        self.makers = {
            account: Maker(f"{name} {account}", f"a{account[0]}-", manages=account == ACCOUNT)
            for account in self.accounts
        }
        self.shares_bucket, self.shares_key = self._chance(0.5), self._chance(0.6)
        self.keys: dict[str, dict[str, Any]] = {}
        self.buckets: dict[str, dict[str, Any]] = {}
        self._add_what_is_shared()
        for account, maker in self.makers.items():
            self._settle(account, maker)

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _add_what_is_shared(self) -> None:
        if self.shares_bucket:
            self.buckets[CENTRAL_BUCKET] = {"account": SECURITY, "region": REGIONS[0], "bucket_key": self._chance(0.4)}
        if self.shares_key and self._chance(0.6):
            key = {"account": SECURITY, "region": REGIONS[0], "rotation": self._chance(0.7)}
            alias = {"alias": "alias/aws-baseline-cloudtrail"} if self._chance(0.8) else {}
            self.keys[CENTRAL_KEY] = {**key, **alias}

    def _settle(self, account: str, maker: Maker) -> None:
        """Say of all that was drawn whose it is, and let some trails stand on what is shared."""
        for part in (maker.keys, maker.buckets, maker.trails):
            for spec in part.values():
                spec.setdefault("account", account)
        for trail in maker.trails.values():
            if self.shares_bucket and self._chance(0.5):
                trail["bucket"] = CENTRAL_BUCKET
                if maker.keys.get(trail.get("key", ""), {}).get("region") != REGIONS[0]:
                    trail.pop("key", None)
            near = {**maker.buckets, **self.buckets}[trail["bucket"]]["region"] == REGIONS[0]
            if CENTRAL_KEY in self.keys and near and self._chance(0.5):
                trail["key"] = CENTRAL_KEY

    def case(self) -> Case:
        """The scenario and the options of the run."""
        document = self._document()
        scenario = parse(self.name, json.dumps(document))
        for account, maker in self.makers.items():
            maker.add_policies(scenario)
            for part in (maker.keys, maker.buckets):
                for spec in part.values():
                    spec["policy"] = _of(account, spec["policy"])
        self._add_shared_policies(scenario)
        return Case(self.name, document, self._options(scenario))

    def _document(self) -> dict[str, Any]:
        made = self.makers.values()
        self.buckets = {label: spec for maker in made for label, spec in maker.buckets.items()} | self.buckets
        self.keys = distinct({**self.keys, **{label: spec for maker in made for label, spec in maker.keys.items()}})
        everyone = sorted({*self.accounts, SECURITY})
        named = [{"id": account, "name": f"account-{account[0]}", "regions": [*REGIONS]} for account in everyone]
        document = {
            "description": f"Made by chance, as {self.name}.",
            "region": REGIONS[0],
            "delivery_interval": 3600,  # as in accounts.py
            "accounts": named,
            "roles": {
                ENFORCER: {"accounts": everyone, "trusts": [ACCOUNT]},
                **{each.rpartition("/")[2]: {"accounts": everyone} for each in READERS},
            },
            "buckets": self.buckets,
            "keys": self.keys,
            "trails": {label: spec for maker in made for label, spec in maker.trails.items()},
        }
        if self.makers[ACCOUNT].organization:
            document["organization"] = {"management": ACCOUNT, "id": ORGANIZATION}
        return document

    def _add_shared_policies(self, scenario: Scenario) -> None:
        """The policies of the bucket and of the key that accounts share."""
        maker = self.makers[ACCOUNT]
        trails = {label: spec for each in self.makers.values() for label, spec in each.trails.items()}
        arns = {label: scenario.trail_arn(label) for label in trails}
        if self.shares_bucket:
            name = scenario.bucket_name(CENTRAL_BUCKET)
            served = {
                arns[each]: maker.folders(trails[each]) for each in trails if trails[each]["bucket"] == CENTRAL_BUCKET
            }
            place = templates.BucketPlace(partition="aws", name=name, folders=served)
            foreign = for_buckets(f"arn:aws:s3:::{name}", [*served], [*map(scenario.key_arn, self.keys)])
            self.buckets[CENTRAL_BUCKET]["policy"] = maker.mixed(
                templates.bucket_policy("cloudtrail", place), foreign, most=1
            )
        if CENTRAL_KEY in self.keys:
            used = [arns[each] for each in trails if trails[each].get("key") == CENTRAL_KEY]
            foreign = for_keys(self.random.sample([*arns.values()], len(arns)))
            self.keys[CENTRAL_KEY]["policy"] = maker.key_policy(self.keys[CENTRAL_KEY], used, foreign)

    def _options(self, scenario: Scenario) -> dict[str, Any]:
        role = {"role_arn": f"arn:aws:iam::{SECURITY}:role/{ENFORCER}"}
        entries = [self._entry(account, maker, scenario) for account, maker in self.makers.items()]
        of_run: dict[str, Any] = {
            "accounts": self.accounts,
            "assume_role": {"role_name": ENFORCER},
            "account_options": entries,
            "statements": self.random.choice(["strict", "strict", "cis"]),
            "allow_enable_key": self._chance(0.4),
            "allow_cancel_deletion": self._chance(0.4),
        }
        if self.shares_key:
            of_run["key"] = {"account": SECURITY}
        if self.shares_key or self._chance(0.7):
            of_run["key_assume_role"] = role
        if self.shares_bucket and self._chance(0.8):
            of_run["bucket_assume_role"] = role
        return of_run

    def _entry(self, account: str, maker: Maker, scenario: Scenario) -> dict[str, Any]:
        """What the account is to have that the others have not."""
        drawn = _of(account, maker.options(scenario))
        drawn.pop("key_assume_role", None)
        if self.shares_key and self._chance(0.9):  # most organizations say once what must be agreed
            drawn = {option: value for option, value in drawn.items() if option not in AGREED}
        return {"accounts": [account], **drawn}


def _of(account: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """What speaks of the account of accounts.py, spoken of this one."""
    told: dict[str, Any] = json.loads(json.dumps(part).replace(ACCOUNT, account))
    return told
