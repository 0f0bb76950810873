# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/awx/configure.yml makes what docs/awx.md promises, on a stub that refuses what AWX refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.awx.page import CONFIGURE, PAGE
from tests.awx.stub import AwxStub, RefusedError, Store
from tests.page import ROOT, typed

ALL = PAGE.file("awx.yml")
LEAST = {
    name: ALL[name]
    for name in ("cloudtrail_kms_awx_image", "cloudtrail_kms_awx_region", "cloudtrail_kms_awx_credential")
}
JOBS = {
    *("CloudTrail KMS audit", "CloudTrail KMS plan", "CloudTrail KMS enforce"),
    *("CloudTrail KMS organization audit", "CloudTrail KMS organization report"),
}


def playbooks() -> set[str]:
    """What AWX finds in a checkout: awx/main/utils/ansible.py, could_be_playbook."""
    found = (ROOT / "playbooks").rglob("*.yml")
    starts = re.compile(r"^\s*-?\s*(hosts|(ansible\.builtin\.)?import_playbook):", re.M)
    return {str(path.relative_to(ROOT)) for path in found if starts.search(path.read_text(encoding="utf-8"))}


def configure(awx: AwxStub, folder: Path, variables: Mapping[str, Any], *arguments: str) -> str:
    """Run the command of the page on variables in the file that it names; return what it prints."""
    (folder / "awx.yml").write_text(yaml.safe_dump(dict(variables)), encoding="utf-8")
    done = typed(
        CONFIGURE, folder, awx.environment | {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "awx")}, *arguments
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def awx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwxStub]:
    with AwxStub(playbooks()) as stub:
        configure(stub, tmp_path_factory.mktemp("awx"), ALL)
        yield stub


def test_the_audits_only_check_and_run_on_schedule(awx: AwxStub) -> None:
    audits = {"CloudTrail KMS audit", "CloudTrail KMS organization audit"}
    jobs = awx.named("job_templates")
    assert {name for name, job in jobs.items() if job["job_type"] == "run"} == {"CloudTrail KMS enforce"}
    started = {schedule["unified_job_template"] for schedule in awx.named("schedules").values()}
    assert started == {"CloudTrail KMS audit", "CloudTrail KMS organization"}
    assert all(jobs[name]["credentials"] == ["AWS audit", "CloudTrail KMS region"] for name in audits)
    assert all(jobs[name]["notification_templates_error"] == ["CloudTrail KMS"] for name in audits)


def test_nothing_is_enforced_before_somebody_has_seen_the_plan(awx: AwxStub) -> None:
    nodes = awx.named("workflow_job_template_nodes")
    name = "CloudTrail KMS enforce after approval"
    nodes = {step: node for step, node in nodes.items() if node["workflow_job_template"] == name}
    paths = {step: (node["unified_job_template"], node["success_nodes"]) for step, node in nodes.items()}
    assert paths == {
        "plan": ("CloudTrail KMS plan", ["approve"]),
        "approve": ("Approve the CloudTrail KMS plan", ["enforce"]),
        "enforce": ("CloudTrail KMS enforce", []),
    }
    assert not [node for node in nodes.values() if node["failure_nodes"] or node["always_nodes"]]
    (approval,) = awx.named("workflow_approval_templates").values()
    assert approval["timeout"] == 86400
    assert awx.named("job_templates")["CloudTrail KMS enforce"]["credentials"][0] == "AWS enforcement"


def test_the_accounts_come_from_the_inventory_of_the_collection_and_are_shared_out(awx: AwxStub) -> None:
    source = awx.named("inventory_sources")["AWS Organizations"]
    assert (source["source"], source["source_project"]) == ("scm", "CloudTrail KMS accounts")
    assert source["source_path"].endswith("aws_accounts.yml")
    assert (source["update_on_launch"], source["overwrite"]) == (True, True)
    job = awx.named("job_templates")["CloudTrail KMS organization audit"]
    assert (job["inventory"], job["job_slice_count"]) == (source["inventory"], 4)
    assert json.loads(job["extra_vars"])["cloudtrail_kms_hosts"] == "all"


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
    awx.store.writes.clear()
    assert re.search(r"\bchanged=1 .*\bfailed=0 ", configure(awx, tmp_path, ALL, "--check"))
    assert awx.store.writes == []
    assert jobs[audit]["job_type"] == "run"
    jobs[audit]["job_type"] = "check"


def test_without_a_credential_that_may_write_there_is_no_template_that_does(tmp_path: Path) -> None:
    with AwxStub(playbooks()) as stub:
        configure(stub, tmp_path, LEAST)
        assert stub.named("job_templates").keys() == {"CloudTrail KMS audit"}
        assert not stub.named("workflow_job_templates")
        assert json.loads(stub.named("job_templates")["CloudTrail KMS audit"]["extra_vars"]) == {}


def test_what_is_missing_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with AwxStub(playbooks()) as stub:
        stub.store.writes.clear()
        with pytest.raises(AssertionError, match="missing required arguments: cloudtrail_kms_awx_region"):
            configure(stub, tmp_path, {name: value for name, value in LEAST.items() if not name.endswith("region")})
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
