# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role gives every option of its modules as a variable of its own, with the same type and the same choices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _audit as _audit_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._options import _enforce as _enforce_arguments
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._hosts._variables import SPEC
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import _report_file

ROLE = Path(__file__).parents[2] / "roles" / "cloudtrail_kms"


def entry_points() -> dict[str, dict[str, Any]]:
    """The variables of each entry point of the role, without their prefix."""
    specs = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    return {
        entry: {name.removeprefix("cloudtrail_kms_"): option for name, option in spec["options"].items()}
        for entry, spec in specs.items()
    }


def shape(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What of an option the role repeats. Rules and levels are checked by the modules."""
    options = {name: shape(option) for name, option in spec.get("options", {}).items()}
    elements = {"elements": spec["elements"]} if "elements" in spec else {}
    choices = {"choices": list(spec["choices"])} if spec.get("choices") else {}
    required = spec.get("required", False)
    default = {"default": spec["default"]} if spec.get("default") is not None else {}
    return {"type": spec["type"], "required": required, "options": options, **elements, **choices, **default}


def test_the_role_documents_every_variable_as_it_is_taken() -> None:
    documented = entry_points()
    main = documented["main"]
    assert {name: shape(spec) for name, spec in main.items()} == {name: shape(SPEC[name]) for name in main}
    elsewhere = {"audits": "join", "report_objects": "join", "bucket": "provision"}
    assert main.keys() | elsewhere.keys() == SPEC.keys()
    for name, entry in elsewhere.items():
        assert shape(documented[entry][name]) == shape(SPEC[name])


def test_every_option_of_the_modules_is_a_variable() -> None:
    of_modules = {**_audit_arguments.audit_spec(), **_enforce_arguments.own_spec()}
    assert of_modules.keys() - {"backup_play"} <= SPEC.keys()


def test_no_task_looks_at_a_variable_before_the_action_has() -> None:
    """Given with -e, each is a text, and the text false is true."""
    raw = re.compile(r"(?<!\w)cloudtrail_kms_[a-z_]+(?!_)\b")
    found = {
        (path.name, name)
        for path in ROLE.glob("tasks/*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        for name in raw.findall(re.sub(r"aws_baseline\.cloudtrail\.\w+|(^|\s)#.*", "", line))
        if name.removeprefix("cloudtrail_kms_") in SPEC
    }
    # They stand in messages and are left as artifacts.
    assert found == {
        ("provision.yml", "cloudtrail_kms_create_trail"),
        ("provision.yml", "cloudtrail_kms_require_organization_trail"),
        ("fetch.yml", "cloudtrail_kms_report_objects"),
        ("report.yml", "cloudtrail_kms_report_objects"),
    }


def test_no_more_is_fetched_than_is_joined() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "fetch.yml").read_text(encoding="utf-8"))
    for name in ("__cloudtrail_kms_most_bytes", "__cloudtrail_kms_most_bytes_together"):
        assert {task["vars"][name] for task in tasks if "vars" in task} == {_report_file.MOST_BYTES}


def test_no_backup_takes_the_place_of_another_in_the_bucket() -> None:
    """As two runs put it there, of one host and under one prefix."""
    loader = DataLoader()
    (task,) = loader.load_from_file(str(ROLE / "tasks" / "upload.yml"), trusted_as_template=True)
    run = {"report_objects": {"bucket": "evidence", "prefix": "today"}, "backup_path": "/srv/a/backup.json"}
    known = {"inventory_hostname": "payments", "__cloudtrail_kms_run": run}

    def put(item: str) -> str:
        templar = Templar(loader=loader, variables={**known, "item": item})
        return str(templar.template(task["amazon.aws.s3_object"]["object"]))

    assert put("/srv/cloudtrail-kms.json") == "today/payments/cloudtrail-kms.json"
    backups = [put("/srv/a/backup.json") for _run in range(2)]
    assert all(re.fullmatch(r"today/payments/backup\.json\.\d{8}T\d{12}Z", each) for each in backups)
    assert backups[0] != backups[1]
