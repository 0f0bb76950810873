# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin as Ansible calls it: a configuration file in, hosts, groups and variables out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.aws_baseline.cloudtrail.plugins.inventory import aws_accounts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._organizations import read_organization
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import OrganizationAccount
from tests.fakeaws.client import FakeAws

MEMBER = "222222222222"
DEFAULTS = {
    name: option.get("default") for name, option in yaml.safe_load(aws_accounts.DOCUMENTATION)["options"].items()
}


class Plugin(aws_accounts.InventoryModule):
    """The plugin with options that are handed to it; what Ansible makes of a file test_inventory.py shows."""

    def __init__(self, cache: dict[str, Any], options: dict[str, Any]) -> None:
        super().__init__()
        self._cache = cache
        self._given = {**DEFAULTS, "validate_certs": True, **options}

    def _read_config_data(self, path: str) -> None:
        del path

    def get_options(self, *_arguments: Any) -> dict[str, Any]:
        return self._given

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        del hostvars
        return self._given.get(option)


@pytest.fixture
def aws(server: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """The organization, and an environment that leads to its management account."""
    server.reset("organization")
    for name, value in server.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return server


class Parse:
    """Reads an inventory with options; `cache` holds what the plugin caches."""

    def __init__(self) -> None:
        self.cache: dict[str, Any] = {}

    def __call__(self, *, use_cache: bool = True, **options: Any) -> InventoryData:
        inventory = InventoryData()
        Plugin(self.cache, options).parse(inventory, DataLoader(), "test.aws_accounts.yml", cache=use_cache)
        return inventory


@pytest.fixture
def parse() -> Parse:
    return Parse()


def written(expression: str) -> str:
    """An expression as it comes from a configuration file, which Ansible trusts."""
    trusted: str = trust_as_template(expression)
    return trusted


def hosts(inventory: InventoryData, group: str = "aws_accounts") -> list[str]:
    return sorted(host.name for host in inventory.groups[group].get_hosts())


@pytest.mark.usefixtures("aws")
def test_accounts_are_hosts_with_variables(parse: Parse) -> None:
    inventory = parse(role_name="CloudTrailKmsAudit", external_id="audit-2026")
    assert hosts(inventory) == [f"{digit}" * 12 for digit in range(1, 6)]
    variables = inventory.hosts[MEMBER].vars
    assert variables["aws_account_name"] == "production"
    assert variables["aws_account_tags"] == {"environment": "production", "team": "web"}
    assert variables["ansible_connection"] == "local"
    assert variables["cloudtrail_kms_assume_role"]["role_arn"] == f"arn:aws:iam::{MEMBER}:role/CloudTrailKmsAudit"


@pytest.mark.usefixtures("aws")
def test_the_interpreter_is_that_of_the_play_and_words_of_others_are_no_templates(
    server: FakeAws, parse: Parse, tmp_path: Path
) -> None:
    scenario = tmp_path / "tagged.yml"
    scenario.write_text(
        'description: A tag that is a template.\naccounts: [{id: "111111111111", name: a, tags: {t: "{{ 1 + 1 }}"}}]\n'
        "organization: {management: a}\n",
        encoding="utf-8",
    )
    server.reset(str(scenario))
    variables = parse().hosts["111111111111"].vars
    templar = Templar(DataLoader(), variables={**variables, "ansible_playbook_python": "/the/python"})
    assert templar.template(variables["ansible_python_interpreter"]) == "/the/python"
    assert templar.template(variables["aws_account_tags"]) == {"t": "{{ 1 + 1 }}"}


@pytest.mark.usefixtures("aws")
def test_groups_keyed_groups_and_compose(parse: Parse) -> None:
    inventory = parse(
        keyed_groups=[{"key": written("aws_account_tags.environment"), "prefix": "env"}],
        groups={"web": written("aws_account_tags.team == 'web'")},
        compose={"cloudtrail_kms_report_dir": written("'/srv/' ~ aws_account_name")},
    )
    assert hosts(inventory, "env_production") == ["222222222222", "444444444444"]
    assert hosts(inventory, "web") == ["222222222222", "333333333333"]
    assert inventory.hosts[MEMBER].vars["cloudtrail_kms_report_dir"] == "/srv/production"


@pytest.mark.usefixtures("aws")
def test_strict_groups_fail_where_a_variable_is_missing(parse: Parse) -> None:
    with pytest.raises(AnsibleParserError, match="team"):
        parse(groups={"web": written("aws_account_tags.team == 'web'")}, strict=True)


@pytest.mark.usefixtures("aws")
def test_filters(parse: Parse) -> None:
    inventory = parse(ous=["/Workloads"], tags={"team": "web"}, states=["ACTIVE"], exclude_accounts=["333333333333"])
    assert hosts(inventory) == [MEMBER]


def test_tags_are_read_of_selected_accounts_only(aws: FakeAws, parse: Parse) -> None:
    parse(include_accounts=[MEMBER])
    assert [call["action"] for call in aws.calls()].count("ListTagsForResource") == 1
    aws.clear_calls()
    assert "aws_account_tags" not in parse(read_tags=False).hosts[MEMBER].vars
    assert "ListTagsForResource" not in {call["action"] for call in aws.calls()}


def test_the_cache_answers_until_it_is_flushed_or_asked_for_something_else(aws: FakeAws, parse: Parse) -> None:
    def calls(**options: Any) -> int:
        aws.clear_calls()
        assert MEMBER in parse(cache=True, **options).hosts
        return len(aws.calls())

    assert calls() > 0
    assert calls() == 0
    assert calls(role_name="Another") > 0
    assert calls(role_name="Another") == 0
    assert calls(role_name="Another", use_cache=False) > 0


def test_a_role_is_assumed_to_read_the_organization(aws: FakeAws, parse: Parse) -> None:
    with pytest.raises(AnsibleError, match=r"is not authorized to perform: sts:AssumeRole"):
        parse(assume_role_arn="arn:aws:iam::111111111111:role/Nobody")
    assert "ListAccounts" not in {call["action"] for call in aws.calls()}
    aws.reset(str(Path(__file__).with_name("reader.yml")))
    assert hosts(parse(assume_role_arn="arn:aws:iam::111111111111:role/Reader")) == ["111111111111", MEMBER]
    (principal,) = {call["principal"] for call in aws.calls() if call["action"] == "ListAccounts"}
    assert principal.startswith("arn:aws:sts::111111111111:assumed-role/Reader/")


def test_an_account_that_may_not_list_is_told_who_may(
    aws: FakeAws, parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.credentials(MEMBER).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AnsibleParserError, match="Only the management account and delegated administrators may"):
        parse()


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_accounts": ["99"]}, "'99' is not an account id"),
        ({"ous": ["/Nowhere"]}, "no account is in an OU /Nowhere"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str, parse: Parse) -> None:
    with pytest.raises(AnsibleParserError, match=message):
        parse(**options)


def test_a_dead_endpoint_is_named(aws: FakeAws, parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    del aws
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AnsibleParserError, match=r"127\.0\.0\.1:9.*check endpoint_url"):
        parse(aws_config={"retries": {"total_max_attempts": 1, "mode": "standard"}})


def test_an_sdk_that_does_not_tell_the_state_is_said(
    parse: Parse, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    del aws
    warned: list[str] = []
    monkeypatch.setattr(aws_accounts.InventoryModule, "warn", lambda _self, message: warned.append(message))
    monkeypatch.setattr(aws_accounts, "read_organization", stateless)
    assert len(hosts(parse())) == 5
    assert ["too old" in message for message in warned] == [True]


def stateless(access: Access) -> list[OrganizationAccount]:
    """The organization as an SDK shows it that does not know `State`."""
    return [replace(account, state=None) for account in read_organization(access)]
