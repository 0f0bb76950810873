# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin as Ansible calls it: a configuration file in, hosts, groups and variables out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible.template import Templar

from ansible_collections.aws_baseline.cloudtrail.plugins.inventory import aws_accounts
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._access import Access, AwsError
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._aws._organizations import read_organization
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import OrganizationAccount
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Role
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts import UNREAD
from tests.fakeaws.client import FakeAws

MEMBER = "222222222222"
PLUGIN = aws_accounts.InventoryModule.NAME


@pytest.fixture
def aws(server: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """The organization, and an environment that leads to its management account."""
    server.reset("organization")
    for name, value in server.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return server


@pytest.fixture(autouse=True)
def _nothing_is_left_unread() -> Iterator[None]:
    yield
    UNREAD.clear()


class Parse:
    """Reads an inventory file with options, by the plugin that Ansible's own loader finds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "test.aws_accounts.yml"

    def __call__(self, *, use_cache: bool = True, **options: Any) -> InventoryData:
        self.path.write_text(yaml.safe_dump({"plugin": PLUGIN, **options}), encoding="utf-8")
        inventory = InventoryData()
        plugin = inventory_loader.get(PLUGIN)
        assert plugin.verify_file(str(self.path))
        plugin.parse(inventory, DataLoader(), str(self.path), cache=use_cache)
        if options.get("cache"):
            plugin.update_cache_if_changed()
        return inventory


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    return Parse(tmp_path)


def hosts(inventory: InventoryData, group: str = "aws_accounts") -> list[str]:
    return sorted(host.name for host in inventory.groups[group].get_hosts())


@pytest.mark.usefixtures("aws")
def test_accounts_are_hosts_with_variables(parse: Parse) -> None:
    inventory = parse(role_name="CloudTrailKmsAudit", external_id="audit-2026")
    assert hosts(inventory) == [f"{digit}" * 12 for digit in range(1, 6)]
    variables = inventory.hosts[MEMBER].vars
    assert variables["cloudtrail_kms_account"]["name"] == "production"
    assert variables["cloudtrail_kms_account"]["tags"] == {"environment": "production", "team": "web"}
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
    assert templar.template(variables["cloudtrail_kms_account"]["tags"]) == {"t": "{{ 1 + 1 }}"}


@pytest.mark.usefixtures("aws")
def test_groups_keyed_groups_and_compose(parse: Parse) -> None:
    inventory = parse(
        keyed_groups=[{"key": "cloudtrail_kms_account.tags.environment", "prefix": "env"}],
        groups={"web": "cloudtrail_kms_account.tags.team == 'web'"},
        compose={"cloudtrail_kms_report_dir": "'/srv/' ~ cloudtrail_kms_account.name"},
    )
    assert hosts(inventory, "env_production") == ["222222222222", "444444444444"]
    assert hosts(inventory, "web") == ["222222222222", "333333333333"]
    assert inventory.hosts[MEMBER].vars["cloudtrail_kms_report_dir"] == "/srv/production"


@pytest.mark.usefixtures("aws")
def test_the_examples_of_the_documentation_work(parse: Parse, tmp_path: Path) -> None:
    """In an organization whose accounts have not all the same tags, of which an OU would hide those without."""
    plain, grouped = ({**each, "plugin": PLUGIN} for each in yaml.safe_load_all(aws_accounts.EXAMPLES))
    assert len(hosts(parse(**plain))) == 5
    grouped["cache_connection"] = str(tmp_path / "cache")
    assert hosts(parse(**grouped)) == ["222222222222"]
    inventory = parse(**{**grouped, "ous": ["/"]})
    assert hosts(inventory, "environment_production") == ["222222222222", "444444444444"]
    assert hosts(inventory, "web") == ["222222222222"]
    ids = {name: host.vars["cloudtrail_kms_assume_role"]["external_id"] for name, host in inventory.hosts.items()}
    assert ids == {"222222222222": "audit-2026", "444444444444": "archive-2024"}


@pytest.mark.usefixtures("aws")
def test_strict_groups_fail_where_a_variable_is_missing(parse: Parse) -> None:
    with pytest.raises(AnsibleParserError, match="team"):
        parse(groups={"web": "cloudtrail_kms_account.tags.team == 'web'"}, strict=True)


@pytest.mark.usefixtures("aws")
def test_filters(parse: Parse) -> None:
    inventory = parse(ous=["/Workloads"], tags={"team": "web"}, states=["ACTIVE"], exclude_accounts=["333333333333"])
    assert hosts(inventory) == [MEMBER]


def test_tags_are_read_of_selected_accounts_only(aws: FakeAws, parse: Parse) -> None:
    parse(include_accounts=[MEMBER])
    assert [call["action"] for call in aws.calls()].count("ListTagsForResource") == 1
    aws.clear_calls()
    assert "tags" not in parse(read_tags=False).hosts[MEMBER].vars["cloudtrail_kms_account"]
    assert "ListTagsForResource" not in {call["action"] for call in aws.calls()}


def test_the_cache_answers_until_it_is_flushed_or_asked_for_something_else(
    aws: FakeAws, parse: Parse, tmp_path: Path
) -> None:
    def calls(**options: Any) -> int:
        aws.clear_calls()
        caching: dict[str, Any] = {
            "cache": True,
            "cache_plugin": "ansible.builtin.jsonfile",
            "cache_connection": str(tmp_path / "c"),
        }
        assert MEMBER in parse(**caching, **options).hosts
        return len(aws.calls())

    assert calls() > 0
    assert calls() == 0
    assert calls(role_name="Another") == 0  # another role enters the same accounts
    assert calls(states=["ACTIVE"]) > 0
    assert calls(states=["ACTIVE"]) == 0
    assert calls(states=["ACTIVE"], use_cache=False) > 0


@pytest.mark.parametrize(
    "doctor",
    [
        lambda row: {**row, "account_id": "{{ lookup('pipe', 'id') }}"},
        lambda row: {**row, "account_id": "222222222222\n"},
        lambda row: {**row, "account_id": 222222222222},
        lambda row: {**row, "arn": "arn:aws"},
        lambda row: {**row, "arn": row["arn"].replace(row["account_id"], "999999999999")},
        lambda row: {**row, "owner": "somebody"},
        lambda _row: "222222222222",
    ],
)
def test_a_cache_that_holds_no_accounts_is_read_anew(
    aws: FakeAws, parse: Parse, tmp_path: Path, doctor: Callable[[Any], Any]
) -> None:
    """Older Ansible takes the name of a host for a template; another version may have written other fields."""
    caching: dict[str, Any] = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "c"),
    }
    expected = hosts(parse(**caching))
    (file,) = (tmp_path / "c").iterdir()
    cached = json.loads(file.read_text(encoding="utf-8"))
    inner = json.loads(cached["__payload__"]) if "__payload__" in cached else cached
    inner["accounts"][0] = doctor(inner["accounts"][0])
    cached = {**cached, "__payload__": json.dumps(inner)} if "__payload__" in cached else inner
    file.write_text(json.dumps(cached), encoding="utf-8")
    aws.clear_calls()
    assert hosts(parse(**caching)) == expected
    assert "ListAccounts" in {call["action"] for call in aws.calls()}


def test_a_role_is_assumed_to_read_the_organization(aws: FakeAws, parse: Parse) -> None:
    with pytest.raises(AnsibleParserError, match=r"is not authorized to perform: sts:AssumeRole"):
        parse(assume_role_arn="arn:aws:iam::111111111111:role/Nobody")
    assert "ListAccounts" not in {call["action"] for call in aws.calls()}
    aws.reset(str(Path(__file__).with_name("reader.yml")))
    assert hosts(parse(assume_role_arn="arn:aws:iam::111111111111:role/Reader")) == ["111111111111", MEMBER]
    (principal,) = {call["principal"] for call in aws.calls() if call["action"] == "ListAccounts"}
    name = principal.removeprefix("arn:aws:sts::111111111111:assumed-role/Reader/")
    assert 2 <= len(name) <= 64  # shape roleSessionNameType of the STS service model


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
        ({"ou": ["/Workloads"]}, "unknown option ou; did you mean ous"),
        ({"exclude_account": ["222222222222"]}, "unknown option exclude_account; did you mean exclude_accounts"),
        ({"aws_profil": "audit"}, "unknown option aws_profil; did you mean aws_profile"),
        ({"ous": []}, "option ous is empty, which would select every account"),
        ({"include_accounts": None}, "option include_accounts is empty"),
        ({"tags": {}}, "option tags is empty"),
        ({"zzz": 1}, "unknown option zzz. There are access_key, "),
    ],
)
def test_bad_options(options: dict[str, Any], message: str, parse: Parse) -> None:
    with pytest.raises(AnsibleParserError, match=message):
        parse(**options)


def test_a_dead_endpoint_is_named(aws: FakeAws, parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    del aws
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # between the attempts
    with pytest.raises(AnsibleParserError, match=r"127\.0\.0\.1:9.*check .*endpoint_url, .* and aws_ca_bundle"):
        parse()


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


USES: dict[str, Any] = {
    "plugin": PLUGIN,
    "access_key": "AKIAEXAMPLE",
    "secret_key": "secret",
    "session_token": "token",
    "profile": "audit",
    "endpoint_url": "http://127.0.0.1:9",
    "region": "eu-central-1",
    "assume_role_arn": "arn:aws:iam::111111111111:role/Reader",
    "aws_ca_bundle": "/etc/ssl/ca.pem",
    "role_name": "audit/Audit",
    "external_id": "audit-2026",
    "ous": ["/Workloads"],
    "tags": {"team": ["web", "shop"]},
    "states": ["ACTIVE"],
    "include_accounts": [MEMBER],
    "exclude_accounts": ["333333333333"],
    "management_account": False,
    "read_tags": True,
    "cache": False,
    "cache_plugin": "ansible.builtin.memory",
    "cache_connection": "somewhere",
    "cache_timeout": 60,
    "cache_prefix": "ours_",
    "compose": {"team": "cloudtrail_kms_account.tags.team"},
    "groups": {"web": "cloudtrail_kms_account.tags.team == 'web'"},
    "keyed_groups": [{"key": "cloudtrail_kms_account.state", "prefix": "state"}],
    "leading_separator": False,
    "strict": True,
    "use_extra_vars": False,
}


def test_every_option_goes_through_the_loader(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[Any] = []

    class Unreached:
        def assume(self, role: Role) -> Access:
            connected.append(role.role_arn)
            raise AwsError("as far as this test goes")

    def connect(*arguments: Any) -> Unreached:
        connected.extend(arguments)
        return Unreached()

    monkeypatch.setattr(aws_accounts, "open_organization", connect)
    assert inventory_loader.get(PLUGIN).option_definitions.keys() == USES.keys()
    for without, credentials in (
        (("profile",), {"aws_access_key_id": "AKIAEXAMPLE", "aws_session_token": "token"}),
        (("access_key", "secret_key", "session_token"), {"aws_access_key_id": None, "profile_name": "audit"}),
    ):
        connected.clear()
        with pytest.raises(AnsibleParserError, match="as far as this test goes"):
            parse(**{name: value for name, value in USES.items() if name not in without})
        region, endpoint_url, connection, role_arn = connected
        assert (region, endpoint_url, role_arn) == ("eu-central-1", USES["endpoint_url"], USES["assume_role_arn"])
        assert connection.items() >= {"verify": "/etc/ssl/ca.pem", **credentials}.items()


@pytest.mark.usefixtures("aws")
def test_an_inventory_that_fails_half_way_leaves_no_host_of_its_own(parse: Parse) -> None:
    """A host that is in no group yet would not be left out by its group."""
    inventory = InventoryData()
    inventory.add_host(MEMBER)
    half = {"strict": True, "compose": {"a": "cloudtrail_kms_account.tags.team"}}
    parse.path.write_text(yaml.safe_dump({"plugin": PLUGIN, **half}), encoding="utf-8")
    with pytest.raises(AnsibleError, match="has no attribute 'team'"):
        inventory_loader.get(PLUGIN).parse(inventory, DataLoader(), str(parse.path), cache=False)
    assert [*inventory.hosts] == [MEMBER]
    assert [*inventory.groups["aws_accounts"].hosts] in ([], [inventory.hosts[MEMBER]])
    assert [*UNREAD] == [str(parse.path)]
    parse()
    assert not UNREAD
