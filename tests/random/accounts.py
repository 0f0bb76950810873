# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An account that chance has made, as a scenario of the fake AWS, and the options of an enforcement of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fakeaws.scenario import templates
from tests.fakeaws.scenario.spec import Scenario, parse
from tests.random.statements import for_buckets, for_keys, laid_out_anew, with_sids

ACCOUNT, SECURITY = "111111111111", "222222222222"
ORGANIZATION = "o-exampleorg1"
REGIONS = ("eu-central-1", "us-east-1")
READERS = tuple(f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("LogAuditor", "Analyst"))
ENFORCER = "CloudTrailKmsEnforce"
DECISION = {"reason": "The archive moves.", "owner": "security"}
# Rules that leave a trail without what makes its logs safe where they are no more required.
RULES = ("key_policy_allows_decrypt", "key_policy_allows_describe", "key_policy_is_scoped", "key_rotation_enabled")


@dataclass(frozen=True)
class Case:
    """A scenario, in the words of tests/fakeaws/scenario/spec.py, and the options of `cloudtrail_kms_enforce`."""

    name: str
    document: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The scenario as a file, of which YAML takes it."""
        return json.dumps(self.document, indent=1)

    def shuffled(self, random: Random) -> Case:
        """The same account, with all in another order that AWS gives in any."""
        document: dict[str, Any] = {
            name: _shuffled(part, random) if name in ("trails", "keys", "buckets") else part
            for name, part in self.document.items()
        }
        for part in ("keys", "buckets"):
            document[part] = {
                label: {**spec, "policy": laid_out_anew(spec["policy"], random)}
                if isinstance(spec["policy"], dict)
                else spec
                for label, spec in document[part].items()
            }
        return Case(self.name, document, self.options)


def _shuffled(part: Mapping[str, Any], random: Random) -> dict[str, Any]:
    return {label: part[label] for label in random.sample(list(part), len(part))}


def make_case(name: str) -> Case:
    """The account of this name, which is all that it depends on."""
    return Maker(name).case()


class Maker:
    """Draws the parts of one account in their order: names first, then policies, which speak of these.

    Labels begin with `start`; of the accounts of an organization only that which manages it has trails for all.
    """

    def __init__(self, name: str, start: str = "", *, manages: bool = True) -> None:
        self.name, self.start, self.random = name, start, Random(name)
        self.organization = self.random.random() < 0.25 and manages
        self.buckets = {f"{start}logs-{index}": self._bucket() for index in range(self.random.randint(1, 2))}
        self.keys = {f"{start}key-{index}": self._key(index) for index in range(self.random.randint(0, 4))}
        self.trails = {f"{start}trail-{index}": self._trail() for index in range(self.random.randint(1, 4))}

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _bucket(self) -> dict[str, Any]:
        return {"region": self.random.choice(REGIONS), "bucket_key": self._chance(0.4)}

    def _key(self, index: int) -> dict[str, Any]:
        """A key, most often a good one; rarely that of another account."""
        states = ["Enabled"] * 25 + ["Disabled", "PendingDeletion"] * 2 + ["Deleted", "PendingImport", "Unavailable"]
        near = [bucket["region"] for bucket in self.buckets.values()]
        key: dict[str, Any] = {"region": self.random.choice([*near * 3, *REGIONS]), "state": self.random.choice(states)}
        # One that is to be deleted does rotate: KMS does not tell, and check mode could not know what a run turns on.
        key |= {"rotation": self._chance(0.7) or key["state"] == "PendingDeletion", "multi_region": self._chance(0.1)}
        if self._chance(0.6):
            # Ours is that which an enforcement looks for, and makes where there is none.
            key["alias"] = self.random.choice([f"alias/logs-{index}", "alias/aws-baseline-cloudtrail"])
        if self._chance(0.04):
            key |= {"spec": "HMAC_256", "usage": "GENERATE_VERIFY_MAC", "rotation": False}
        if self._chance(0.1):
            key["account"] = SECURITY
        return key

    def _trail(self) -> dict[str, Any]:
        organization = self.organization and self._chance(0.5)
        trail: dict[str, Any] = {"region": self.random.choice(REGIONS), "bucket": self.random.choice([*self.buckets])}
        trail |= {"multi_region": organization or self._chance(0.6), "organization": organization}
        trail |= {"logging": self._chance(0.9), "validation": self._chance(0.9)}
        if self._chance(0.3):
            trail["prefix"] = self.random.choice(["audit", "a/b", "AWSLogs"])
        # A key is most often in the region of the bucket: elsewhere CloudTrail would have refused it.
        near = [each for each, key in self.keys.items() if key["region"] == self.buckets[trail["bucket"]]["region"]]
        keys = near if self._chance(0.95) else [*self.keys]
        if keys and self._chance(0.75):
            trail["key"] = self.random.choice(keys)
        return trail

    def case(self) -> Case:
        document = {
            "description": f"Made by chance, as {self.name}.",
            "region": REGIONS[0],
            # None comes between a change and the look at it: the run would know what check mode cannot.
            "delivery_interval": 3600,
            "accounts": [
                {"id": ACCOUNT, "name": "production", "regions": [*REGIONS]},
                {"id": SECURITY, "name": "security", "regions": [*REGIONS]},
            ],
            "roles": {
                ENFORCER: {"accounts": ["security"], "trusts": ["production"]},
                **{each.rpartition("/")[2]: {"accounts": ["production"]} for each in READERS},
            },
            "buckets": self.buckets,
            "keys": distinct(self.keys),
            "trails": self.trails,
        }
        if self.organization:
            document["organization"] = {"management": "production", "id": ORGANIZATION}
        self.add_policies(parse(self.name, json.dumps(document)))
        return Case(self.name, document, self.options(parse(self.name, json.dumps(document))))

    def add_policies(self, scenario: Scenario) -> None:
        trails = [scenario.trail_arn(label) for label in self.trails]
        keys = [scenario.key_arn(label) for label in self.keys]
        for label, key in self.keys.items():
            used = [scenario.trail_arn(trail) for trail, spec in self.trails.items() if spec.get("key") == label]
            key["policy"] = self.key_policy(key, used, for_keys(self.random.sample(trails, len(trails))))
        for label, bucket in self.buckets.items():
            name = scenario.bucket_name(label)
            folders = {
                scenario.trail_arn(trail): self.folders(spec)
                for trail, spec in self.trails.items()
                if spec["bucket"] == label
            }
            place = templates.BucketPlace(partition="aws", name=name, folders=folders)
            foreign = for_buckets(f"arn:aws:s3:::{name}", trails, keys)
            bucket["policy"] = self.mixed(templates.bucket_policy("cloudtrail", place), foreign, most=1)

    @staticmethod
    def folders(trail: Mapping[str, Any]) -> list[str]:
        start = f"{trail['prefix']}/" if trail.get("prefix") else ""
        owners = [trail.get("account", ACCOUNT), *([ORGANIZATION] if trail["organization"] else [])]
        return [f"{start}AWSLogs/{owner}" for owner in owners]

    def key_policy(self, key: Mapping[str, Any], used: list[str], foreign: list[dict[str, Any]]) -> Any:
        place = templates.KeyPlace(
            partition="aws",
            account=key.get("account", ACCOUNT),
            region=key["region"],
            trail_arns=used,
            readers=self.random.sample(READERS, self.random.randint(0, 2)),
        )
        kinds = ["cloudtrail"] * 3 + ["console", "cis", "cis", *["lacking"] * 4, "unscoped"]
        return self.mixed(templates.key_policy(self.random.choice(kinds), place), foreign, most=3)

    def mixed(self, policy: Any, foreign: list[dict[str, Any]], most: int) -> dict[str, Any]:
        """The policy with some foreign statements among its own, in any order and layout."""
        chosen = self.random.sample(foreign, max(0, self.random.randint(-1, most)))
        mixed = {**policy, "Statement": [*policy["Statement"], *with_sids(chosen, self.random)]}
        return laid_out_anew(mixed, self.random)

    def options(self, scenario: Scenario) -> dict[str, Any]:
        options: dict[str, Any] = {
            "statements": self.random.choice(["strict", "strict", "cis"]),
            "allow_enable_key": self._chance(0.4),
            "allow_cancel_deletion": self._chance(0.4),
            "replace_compliant_key": self._chance(0.25),
        }
        if self._chance(0.3):
            options["readers"] = self.random.sample(READERS, self.random.randint(1, 2))
        if self._chance(0.25):
            levels = ("required", "advised", "off")
            options["rules"] = {rule: self.random.choice(levels) for rule in self.random.sample(RULES, 2)}
        if self._chance(0.2):
            options["exceptions"] = [self._exception()]
        if self._chance(0.2):
            options["trails"] = self.random.sample([*self.trails], 1)
        if self._chance(0.15):
            options["regions"] = [self.random.choice(REGIONS)]
        return {**options, **self._key_options(scenario)}

    def _exception(self) -> dict[str, Any]:
        rules = self.random.sample(["key_is_usable", "key_policy_allows_encrypt", "trail_is_delivering"], 1)
        trail = self.random.choice([*self.trails, f"{self.start}trail-*"])
        expires = self.random.choice(["2099-12-31", "2020-12-31"])
        return {**DECISION, "trail": trail, "rules": rules, "expires": expires}

    def _key_options(self, scenario: Scenario) -> dict[str, Any]:
        """The key to use; whose door has to be opened where it is another account's."""
        options: dict[str, Any] = {}
        if any(key.get("account") for key in self.keys.values()) and self._chance(0.7):
            options["key_assume_role"] = {"role_arn": f"arn:aws:iam::{SECURITY}:role/{ENFORCER}"}
        if self.keys and self._chance(0.3):
            label = self.random.choice([*self.keys])
            options["key_id"] = self.keys[label].get("alias") or scenario.key_arn(label)
        elif self._chance(0.2):
            options["key"] = {"rotation": self._chance(0.5), "multi_region": self._chance(0.3)}
        return options


def distinct(keys: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The keys, of which no alias stands twice in a region of an account."""
    taken = set()
    for key in keys.values():
        place = (key.get("alias"), key["region"], key.get("account"))
        if place in taken:
            key.pop("alias", None)
        taken.add(place)
    return keys
