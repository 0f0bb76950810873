# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/awx/configure.yml makes what docs/awx.md promises, on a stub that refuses what AWX refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.awx.configured import ALL, LEAST, configure, playbooks
from tests.awx.page import ENFORCE, PAGE
from tests.awx.stub import AwxStub, RefusedError, Store
from tests.page import ROOT

JOBS = {
    *("CloudTrail KMS audit", "CloudTrail KMS plan", "CloudTrail KMS enforce"),
    *("CloudTrail KMS organization audit", "CloudTrail KMS organization report"),
}


class Node(NamedTuple):
    """A node of a workflow: the template that it starts, and the nodes that go on from it."""

    starts: str
    links: dict[str, list[str]]


def workflow(awx: AwxStub, name: str = "CloudTrail KMS enforce after approval") -> dict[str, Node]:
    """The nodes of a workflow by identifier, without links that lead nowhere."""
    return {
        step: Node(
            node["unified_job_template"],
            {kind: node[kind] for kind in ("success_nodes", "failure_nodes", "always_nodes") if node[kind]},
        )
        for step, node in awx.named("workflow_job_template_nodes").items()
        if node["workflow_job_template"] == name
    }


def ended(nodes: Mapping[str, Node], first: str, outcomes: Mapping[str, str]) -> tuple[list[str], bool]:
    """The nodes that run, and whether the workflow fails, where all but the outcomes given are successes.

    A workflow fails where a node does that has no link to go on by: awx/main/scheduler/dag_workflow.py,
    has_workflow_failed. An approval fails that is denied, or that nobody gives in time.
    """
    run, red, waiting = [], False, [first]
    while waiting:
        step = waiting.pop(0)
        links, failed = nodes[step].links, outcomes.get(step) == "failed"
        after = [*links.get("failure_nodes" if failed else "success_nodes", ()), *links.get("always_nodes", ())]
        run.append(step)
        red = red or (failed and not after)
        waiting += after
    return run, red


def test_the_audits_only_check_and_run_on_schedule(awx: AwxStub) -> None:
    audits = {"CloudTrail KMS audit", "CloudTrail KMS organization audit"}
    jobs = awx.named("job_templates")
    assert {name for name, job in jobs.items() if job["job_type"] == "run"} == {"CloudTrail KMS enforce"}
    started = {schedule["unified_job_template"] for schedule in awx.named("schedules").values()}
    assert started == {"CloudTrail KMS audit", "CloudTrail KMS organization"}
    assert all(jobs[name]["credentials"] == ["AWS audit", "CloudTrail KMS region"] for name in audits)
    assert all(jobs[name]["notification_templates_error"] == ["CloudTrail KMS"] for name in audits)


def test_nothing_is_enforced_before_somebody_has_seen_the_plan(awx: AwxStub) -> None:
    links = {step: (node.starts, node.links) for step, node in workflow(awx).items()}
    assert links == {
        "accounts": ("CloudTrail KMS accounts to enforce", {"success_nodes": ["plan"]}),
        "plan": ("CloudTrail KMS plan", {"success_nodes": ["approve"], "failure_nodes": ["approve-rest"]}),
        "approve": ("Approve the CloudTrail KMS plan", {"success_nodes": ["enforce"]}),
        "approve-rest": ("Approve the CloudTrail KMS plan without what is refused", {"success_nodes": ["enforce"]}),
        "enforce": ("CloudTrail KMS enforce", {}),
    }
    assert {approval["timeout"] for approval in awx.named("workflow_approval_templates").values()} == {86400}


@pytest.mark.parametrize(
    ("outcomes", "run", "red"),
    [
        ({}, ["accounts", "plan", "approve", "enforce"], False),
        ({"approve": "failed"}, ["accounts", "plan", "approve"], True),  # denied, and not answered in time
        ({"plan": "failed"}, ["accounts", "plan", "approve-rest", "enforce"], False),
        ({"plan": "failed", "approve-rest": "failed"}, ["accounts", "plan", "approve-rest"], True),
        ({"enforce": "failed"}, ["accounts", "plan", "approve", "enforce"], True),
        ({"accounts": "failed"}, ["accounts"], True),
    ],
)
def test_what_is_not_approved_is_not_done_and_turns_the_workflow_red(
    outcomes: Mapping[str, str], run: list[str], red: bool, awx: AwxStub
) -> None:
    assert ended(workflow(awx), "accounts", outcomes) == (run, red)


def test_plan_and_run_have_all_alike_but_the_credential_and_what_is_for_one_of_them(awx: AwxStub) -> None:
    plan, run = (awx.named("job_templates")[f"CloudTrail KMS {name}"] for name in ("plan", "enforce"))
    differing = {name for name in plan if plan[name] != run[name]}
    assert differing == {
        *("id", "name", "description"),
        *("job_type", "credentials", "extra_vars", "notification_templates_error"),
    }
    assert (plan["job_type"], run["job_type"]) == ("check", "run")
    assert (plan["credentials"][0], run["credentials"][0]) == ("AWS plan", "AWS enforcement")
    told, done = (json.loads(job["extra_vars"]) for job in (plan, run))
    assert {name for name in done if told.get(name) != done[name]} == {
        "cloudtrail_kms_fail_on",
        "cloudtrail_kms_backup_path",
    }
    assert done["cloudtrail_kms_hosts"] == "all"


def test_an_organization_is_enforced_in_one_job_within_the_limit_of_its_workflow(awx: AwxStub) -> None:
    jobs = awx.named("job_templates")
    (name,) = (name for name in awx.named("workflow_job_templates") if "enforce" in name)
    assert awx.named("workflow_job_templates")[name]["ask_limit_on_launch"] is True
    for job in (jobs["CloudTrail KMS plan"], jobs["CloudTrail KMS enforce"]):
        assert (job["job_slice_count"], job["ask_limit_on_launch"]) == (1, True)
    # A job whose workflow has the name of its template is taken for a slice.
    assert not awx.named("workflow_job_templates").keys() & jobs.keys()


def test_no_account_joins_between_the_plan_and_the_run(awx: AwxStub) -> None:
    name = "CloudTrail KMS accounts to enforce"
    source = awx.named("inventory_sources")[name]
    assert (source["inventory"], source["source_path"]) == (name, "enforce.aws_accounts.yml")
    assert (source["update_on_launch"], source["overwrite"]) == (False, True)
    assert awx.named("job_templates")["CloudTrail KMS enforce"]["inventory"] == name
    assert awx.named("workflow_job_templates")["CloudTrail KMS enforce after approval"]["allow_simultaneous"] is False


def test_an_approval_says_whose_plan_it_is_about_and_where_that_is(awx: AwxStub) -> None:
    for approval in awx.named("workflow_approval_templates").values():
        assert "the accounts of enforce.aws_accounts.yml within the limit" in approval["description"]
        assert "the output of the job CloudTrail KMS plan" in approval["description"]


def test_the_accounts_come_from_the_inventory_of_the_collection_and_are_shared_out(awx: AwxStub) -> None:
    source = awx.named("inventory_sources")["AWS Organizations"]
    assert (source["source"], source["source_project"]) == ("scm", "CloudTrail KMS accounts")
    assert source["source_path"].endswith("aws_accounts.yml")
    assert (source["update_on_launch"], source["overwrite"]) == (True, True)
    job = awx.named("job_templates")["CloudTrail KMS organization audit"]
    assert (job["inventory"], job["job_slice_count"]) == (source["inventory"], 4)
    assert json.loads(job["extra_vars"])["cloudtrail_kms_hosts"] == "all"


def test_the_page_names_what_a_plan_reads_beyond_an_audit() -> None:
    audit, enforce = (
        {
            action
            for statement in json.loads((ROOT / f"docs/permissions/{name}.json").read_text(encoding="utf-8"))[
                "Statement"
            ]
            for action in statement["Action"]
        }
        for name in ("audit", "enforce")
    )
    (told,) = re.findall(r"A plan needs\s\[audit\.json\].*?\.\s", ENFORCE.text, re.S)
    reads = {action for action in enforce - audit if re.match(r"\w+:(Get|List|Describe)", action)}
    assert set(re.findall(r"`(\w+:\w+)`", told)) == reads


def test_the_page_names_all_that_is_made(awx: AwxStub) -> None:
    made = {
        (kind, name)
        for kind, endpoint in {
            "Job template": "job_templates",
            "Workflow": "workflow_job_templates",
            "Schedule": "schedules",
        }.items()
        for name in awx.named(endpoint)
    }
    assert set(re.findall(r"^\| (Job template|Workflow|Schedule) \| ([^|]*) \|", PAGE.text, re.M)) == made


def test_the_reports_of_the_organization_are_joined_whatever_became_of_the_audit(awx: AwxStub) -> None:
    nodes = awx.named("workflow_job_template_nodes")
    assert nodes["audit"]["unified_job_template"] == "CloudTrail KMS organization audit"
    assert (nodes["audit"]["always_nodes"], nodes["audit"]["success_nodes"]) == (["join"], [])
    assert nodes["join"]["unified_job_template"] == "CloudTrail KMS organization report"
    report = awx.named("job_templates")["CloudTrail KMS organization report"]
    assert report["inventory"] == "CloudTrail KMS accounts"  # which tells whether one is missing


def test_jobs_have_the_region_from_a_credential(awx: AwxStub) -> None:
    assert awx.named("credential_types")["AWS region"]["injectors"] == {"env": {"AWS_REGION": "{{ region }}"}}
    assert awx.named("credentials")["CloudTrail KMS region"]["inputs"] == {"region": "eu-central-1"}


@pytest.mark.parametrize("name", sorted(JOBS))
def test_what_a_job_is_told_are_variables_of_the_role_with_values_that_it_takes(name: str, awx: AwxStub) -> None:
    job = awx.named("job_templates")[name]
    told = json.loads(job["extra_vars"])
    asked = {question["variable"]: question for question in (job["survey"] or {"spec": []})["spec"]}
    workflow = awx.named("workflow_job_templates")["CloudTrail KMS enforce after approval"]
    if name in {"CloudTrail KMS plan", "CloudTrail KMS enforce"}:
        asked |= {question["variable"]: question for question in workflow["survey"]["spec"]}
    specs = yaml.safe_load((ROOT / "roles/cloudtrail_kms/meta/argument_specs.yml").read_text(encoding="utf-8"))
    variables = specs["argument_specs"]["main"]["options"] | {"cloudtrail_kms_hosts": {"type": "str"}}
    assert told.keys() | asked.keys() <= variables.keys()
    for variable, question in asked.items():
        assert question["choices"] == variables[variable].get("choices", ["false", "true"])
    assert told.get("cloudtrail_kms_fail_on", "unknown") in variables["cloudtrail_kms_fail_on"]["choices"]
    assert told["cloudtrail_kms_report_bucket"] == "audit-reports"
    assert set(told["cloudtrail_kms_reports"]) <= set(variables["cloudtrail_kms_reports"]["choices"])


def test_the_jobs_of_a_sliced_job_put_their_reports_in_one_place(awx: AwxStub) -> None:
    told = json.loads(awx.named("job_templates")["CloudTrail KMS organization audit"]["extra_vars"])
    assert told["cloudtrail_kms_report_prefix"] == "cloudtrail-kms/{{ awx_workflow_job_id | default(awx_job_id) }}"


def test_a_second_run_sees_what_somebody_has_changed_and_in_check_mode_leaves_it(awx: AwxStub, tmp_path: Path) -> None:
    jobs = awx.store.items["job_templates"]
    (audit,) = (number for number, job in jobs.items() if job["name"] == "CloudTrail KMS audit")
    jobs[audit]["job_type"] = "run"
    (enforce,) = (number for number, job in jobs.items() if job["name"] == "CloudTrail KMS enforce")
    jobs[enforce]["job_slice_count"] = 4
    awx.store.writes.clear()
    assert re.search(r"\bchanged=2 .*\bfailed=0 ", configure(awx, tmp_path, ALL, "--check"))
    assert awx.store.writes == []
    assert jobs[audit]["job_type"] == "run"
    jobs[audit]["job_type"] = "check"
    jobs[enforce]["job_slice_count"] = 1


def test_without_a_credential_that_may_write_there_is_no_template_that_does(tmp_path: Path) -> None:
    with AwxStub(playbooks()) as stub:
        configure(stub, tmp_path, LEAST)
        assert stub.named("job_templates").keys() == {"CloudTrail KMS audit"}
        assert not stub.named("workflow_job_templates")
        assert json.loads(stub.named("job_templates")["CloudTrail KMS audit"]["extra_vars"]) == {}
        configure(stub, tmp_path, LEAST | {"cloudtrail_kms_awx_enforce_credential": "AWS enforcement"})
        the_account_of_the_credential_is_enforced(stub)


def the_account_of_the_credential_is_enforced(awx: AwxStub) -> None:
    """Where no accounts are named to be. A refusal then stops everything, so that nobody is asked about a rest."""
    for name in ("plan", "enforce"):
        job = awx.named("job_templates")[f"CloudTrail KMS {name}"]
        assert (job["inventory"], job["credentials"][0]) == ("CloudTrail KMS", "AWS enforcement")
        assert "cloudtrail_kms_hosts" not in json.loads(job["extra_vars"])
    assert ended(workflow(awx), "plan", {"plan": "failed"}) == (["plan"], True)
    assert workflow(awx).keys() == {"plan", "approve", "enforce"}
    (approval,) = awx.named("workflow_approval_templates").values()
    assert "The plan for the account of AWS enforcement is the output" in approval["description"]


def test_what_is_missing_is_named_before_anything_is_made(tmp_path: Path) -> None:
    lacking = {
        "missing required arguments: cloudtrail_kms_awx_region": {
            name: value for name, value in LEAST.items() if not name.endswith("region")
        },
        "Name a credential that may write in": LEAST | {"cloudtrail_kms_awx_plan_credential": "AWS plan"},
    }
    with AwxStub(playbooks()) as stub:
        stub.store.writes.clear()
        for message, variables in lacking.items():
            with pytest.raises(AssertionError, match=message):
                configure(stub, tmp_path, variables)
        assert stub.store.writes == []


AUDIT = {"name": "Audit", "project": 2, "playbook": "playbooks/audit.yml"}


@pytest.fixture
def store() -> Store:
    made = Store({"playbooks/audit.yml"})
    organization = made.create("organizations", {"name": "Default"})
    made.create("projects", {"name": "Playbooks", "scm_type": "git", "organization": organization["id"]})
    return made


@pytest.mark.parametrize(
    ("endpoint", "body", "wrong"),
    [
        ("job_templates", AUDIT | {"job_type": "scan"}, "job_type"),
        ("job_templates", AUDIT | {"inventory": 99}, "inventory"),
        ("job_templates", AUDIT | {"project": 1}, "project"),
        ("job_templates", AUDIT | {"slices": 4}, "slices"),
        ("job_templates", AUDIT | {"job_slice_count": 0}, "job_slice_count"),
        ("job_templates", AUDIT | {"playbook": "playbooks/audits.yml"}, "playbook"),
        ("job_templates", {"name": "Audit"}, "playbook"),
        ("credential_types", {"name": "Region", "kind": "ssh"}, "kind"),
        ("projects", {"name": "Playbooks", "organization": 1}, "__all__"),
        ("schedules", {"name": "x", "unified_job_template": 2, "rrule": "DTSTART:20260101T050000Z"}, "rrule"),
        ("schedules", {"name": "x", "unified_job_template": 2, "rrule": "RRULE:FREQ=DAILY;INTERVAL=1"}, "rrule"),
        (
            "notification_templates",
            {"name": "x", "organization": 1, "notification_type": "slack", "notification_configuration": {"token": ""}},
            "notification_configuration",
        ),
    ],
)
def test_the_stub_refuses(endpoint: str, body: Mapping[str, Any], wrong: str, store: Store) -> None:
    with pytest.raises(RefusedError) as refused:
        store.create(endpoint, body)
    assert wrong in refused.value.answer[1]


def test_the_stub_refuses_two_credentials_of_a_type(store: Store) -> None:
    kind = store.create("credential_types", {"name": "AWS", "kind": "cloud"})["id"]
    first, second = (store.create("credentials", {"name": name, "credential_type": kind})["id"] for name in "ab")
    job = store.create("job_templates", AUDIT)["id"]
    store.link("job_templates", job, "credentials", {"id": first})
    with pytest.raises(RefusedError):
        store.link("job_templates", job, "credentials", {"id": second})


def test_the_stub_takes_the_template_that_the_refused_ones_differ_from(store: Store) -> None:
    assert store.create("job_templates", AUDIT)["id"] == 3
