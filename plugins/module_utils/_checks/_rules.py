# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules, one row each: its level, the severity of a failure, what it leads to, and the controls that require it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from .._model import Level
from ._bucket_rule import bucket_policy_accepts_key
from ._digests import with_digest
from ._key_rules import (
    key_in_bucket_region,
    key_is_approved,
    key_is_customer_managed,
    key_is_usable,
    key_rotation_enabled,
    with_related_keys,
)
from ._older_logs import with_older_logs
from ._policy_rules import key_policy_allows_decrypt, key_policy_allows_describe, key_policy_allows_encrypt
from ._proof_rule import encryption_is_proven
from ._reader_rule import readers_can_decrypt
from ._reading_rule import readers_can_read
from ._scope_rule import key_policy_is_scoped
from ._subject import Result, Settings, Subject, not_set
from ._trail_rules import trail_has_kms_key, trail_is_delivering


def _cis(first: str, middle: str, third: str, latest: str) -> dict[str, tuple[str, ...]]:
    """The number of one CIS AWS Foundations recommendation in every version of the benchmark."""
    numbers = (
        (first, ("1.2",)),
        (middle, ("1.3", "1.4", "1.5", "2.0")),
        (third, ("3.0", "4.0", "5.0")),
        (latest, ("6.0", "7.0")),
    )
    return {f"cis_aws_foundations_{v}": (number,) for number, versions in numbers for v in versions}


# AWS Security Hub user guide, "CloudTrail.2"; the CIS numbers are those of the published benchmarks.
ENCRYPTION_CONTROLS: Mapping[str, tuple[str, ...]] = {
    **_cis("2.7", "3.7", "3.5", "4.5"),
    "aws_security_hub": ("CloudTrail.2",),
    "aws_config": ("cloud-trail-encryption-enabled",),
    "nist_800_53_r5": ("AU-9", "CA-9(1)", "CM-3(6)", "SC-7(10)", "SC-13", "SC-28", "SC-28(1)", "SI-7(6)"),
    "nist_800_171_r2": ("3.3.8",),
    "pci_dss_4.0.1": ("10.3.2",),
    "iso_27001_2022": ("A.8.11", "A.8.15", "A.8.16", "A.8.24"),
    "soc_2": ("CC6.1", "CC6.2"),
    "hipaa": ("164.312(a)(2)(iv)", "164.312(e)(2)(ii)"),
}


class Remedy(Enum):
    """What an enforcement does about a failed rule."""

    GIVE_KEY = "find or create a key, then UpdateTrail"
    MERGE = "add the missing grants to the policy of the trail's key; an explicit Deny is refused, not overruled"
    REVIVE = "enable the trail's key or cancel its deletion, where allowed"
    ANOTHER_KEY = "find or create another key, then UpdateTrail"
    REPORT = "nothing: it is for a person to fix"


@dataclass(frozen=True)
class Rule:
    """One rule: the function that judges, its default level, what it means, and what is done about it.

    `title` says what is required, in words for people: it stands beside what fails as well. `option` asks for the
    rule: without it nothing is judged. `call` is the call of CloudTrail that a rule on the key's policy is about.
    `delivers`: if the rule is required and does not pass, the trail may deliver no logs under a customer managed key.
    `completed` adds to the result for all moments what no policy that was read can tell. `is_asked` says for settings
    whether the rule is judged at all.
    """

    judge: Callable[[Subject], Result]
    title: str
    level: Level
    severity: str
    leads_to: Remedy = Remedy.REPORT
    frameworks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    option: str = ""
    call: str = ""
    delivers: bool = False
    completed: Callable[[Subject, Result], Result] = lambda _subject, result: result
    is_asked: Callable[[Settings], bool] = lambda _settings: True

    @property
    def name(self) -> str:
        """The one name of the rule, in code, findings, reports and docs."""
        return self.judge.__name__

    def title_at(self, level: Level) -> str:
        """Return the title, which says of a rule that is not required what should be."""
        return self.title if level == "required" else self.title.replace(" must ", " should ")

    def lacks_option(self, messages: Collection[str]) -> bool:
        """Return whether findings of an audit with these messages say that its option did not ask for the rule."""
        if not self.is_asked(Settings()):
            return not messages
        return bool(self.option) and set(messages) == {not_set(self.option).message}


RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            trail_has_kms_key,
            "The trail must have a KMS key",
            "required",
            "high",
            Remedy.GIVE_KEY,
            ENCRYPTION_CONTROLS,
            delivers=True,
        ),
        Rule(
            key_is_customer_managed,
            "The key must be customer managed",
            "required",
            "medium",
            Remedy.ANOTHER_KEY,
            ENCRYPTION_CONTROLS,
            delivers=True,
        ),
        # A key that is there, but for its state, is revived.
        Rule(
            key_is_usable,
            "The key must be enabled and able to encrypt",
            "required",
            "critical",
            Remedy.ANOTHER_KEY,
            delivers=True,
        ),
        Rule(
            key_in_bucket_region,
            "The key must be in the Region of the bucket",
            "required",
            "critical",
            Remedy.ANOTHER_KEY,
            delivers=True,
        ),
        Rule(
            key_policy_allows_encrypt,
            "The key policy must let CloudTrail encrypt",
            "required",
            "critical",
            Remedy.MERGE,
            call="kms:GenerateDataKey",
            delivers=True,
        ),
        Rule(
            key_policy_allows_describe,
            "The key policy must let CloudTrail describe the key",
            "advised",
            "low",
            Remedy.MERGE,
            call="kms:DescribeKey",
        ),
        Rule(
            key_policy_allows_decrypt,
            "The key policy must let CloudTrail decrypt",
            "required",
            "high",
            Remedy.MERGE,
            call="kms:Decrypt",
            delivers=True,
        ),
        Rule(
            bucket_policy_accepts_key,
            "The bucket must accept logs encrypted under the key",
            "required",
            "critical",
            delivers=True,
        ),
        Rule(trail_is_delivering, "The trail must deliver its logs", "required", "critical", delivers=True),
        Rule(
            encryption_is_proven,
            "A delivered log must show encryption under the key",
            "advised",
            "medium",
            frameworks=ENCRYPTION_CONTROLS,
            option="proof",
            completed=lambda subject, result: with_older_logs(subject, with_digest(subject, result)),
            is_asked=lambda settings: settings.proof != "none",
        ),
        Rule(
            readers_can_decrypt,
            "The readers must be allowed to decrypt the logs",
            "required",
            "high",
            Remedy.MERGE,
            option="readers",
        ),
        Rule(readers_can_read, "The readers must be allowed to fetch the logs", "required", "high", option="readers"),
        Rule(
            key_is_approved,
            "The key must be on the list of approved keys",
            "required",
            "medium",
            Remedy.ANOTHER_KEY,
            option="approved_keys",
        ),
        Rule(
            key_policy_is_scoped,
            "The key policy must keep outsiders out",
            "advised",
            "medium",
            completed=with_related_keys,
        ),
        Rule(
            key_rotation_enabled,
            "The key must be rotated automatically",
            "advised",
            "medium",
            frameworks=_cis("2.8", "3.8", "3.6", "4.6"),
        ),
    )
}
