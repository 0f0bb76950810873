# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An audit of an organization in slices, as the mesh of AWX runs it: ansible-runner's transmit, worker and process."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

AUDIT = "aws_baseline.cloudtrail.audit"
REPORT = "cloudtrail-kms.json"


class Slices:
    """The hosts of an inventory, and the environment that leads to their accounts; all files go into one folder."""

    def __init__(
        self, folder: Path, inventory: Path, environment: Mapping[str, str], variables: Mapping[str, Any]
    ) -> None:
        self._folder, self._inventory = folder, inventory
        self._environment, self._variables = dict(environment), dict(variables)

    def audited_at_once(self) -> dict[str, Any]:
        """The report of a single run over all hosts."""
        folder = self._folder / "single"
        folder.mkdir()
        given = {**self._given(str(folder)), "cloudtrail_kms_hosts": "aws_accounts"}
        printed = self._run("ansible-playbook", "--inventory", str(self._inventory), AUDIT, "-e", json.dumps(given))
        return _read(folder / REPORT, printed)

    def audited_in(self, count: int) -> list[Path]:
        """The reports of as many slices, which are audited side by side."""
        listed = json.loads(self._run("ansible-inventory", "--inventory", str(self._inventory), "--list", "--export"))
        hosts = sorted(listed["_meta"]["hostvars"].items())
        with ThreadPoolExecutor() as pool:
            # As AWX slices: every so manyth host, in the order of their names.
            return list(pool.map(self._slice, range(count), (dict(hosts[part::count]) for part in range(count))))

    def _slice(self, number: int, hosts: Mapping[str, Any]) -> Path:
        sent, done = self._folder / f"sent-{number}", self._folder / f"done-{number}"
        name = f"slice-{number}"
        inventory = {"aws_accounts": {"hosts": {host: plain(variables) for host, variables in hosts.items()}}}
        _write(sent / "inventory" / "hosts.yml", inventory)
        _write(sent / "env" / "envvars", {k: v for k, v in self._environment.items() if k.startswith("AWS_")})
        _write(sent / "env" / "extravars", {**self._given(f"../artifacts/{name}"), "cloudtrail_kms_hosts": "all"})
        (sent / "project").mkdir()
        transmit = ["ansible-runner", "transmit", str(sent), "--ident", name, "--playbook", AUDIT]
        work = ["ansible-runner", "worker", "--private-data-dir", str(self._folder / f"worker-{number}")]
        process = ["ansible-runner", "process", str(done)]
        wire = b""
        for command in (transmit, work, process):
            wire = subprocess.run(
                command, input=wire, stdout=subprocess.PIPE, env=self._bare(), check=command is not process
            ).stdout
        return done / "artifacts" / REPORT

    def _bare(self) -> dict[str, str]:
        """The environment of a node: what leads to AWS comes with the job."""
        return {name: value for name, value in self._environment.items() if not name.startswith("AWS_")}

    def joined(self, reports: Sequence[Path]) -> dict[str, Any]:
        """The one report that the reports come to."""
        folder = self._folder / "joined"
        folder.mkdir()
        given = {**self._given(str(folder)), "cloudtrail_kms_audits": [str(path) for path in reports]}
        printed = self._run("ansible-playbook", "aws_baseline.cloudtrail.join", "-e", json.dumps(given))
        return _read(folder / REPORT, printed)

    def _given(self, folder: str) -> dict[str, Any]:
        reporting = {"cloudtrail_kms_reports": ["json"], "cloudtrail_kms_report_dir": folder}
        return {**self._variables, **reporting, "cloudtrail_kms_fail_on": "never"}

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def plain(value: Any) -> Any:
    """The value without the mark that ansible-inventory puts on words of others."""
    if isinstance(value, dict):
        if "__ansible_unsafe" in value:
            return value["__ansible_unsafe"]
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")


def _read(path: Path, printed: str) -> dict[str, Any]:
    """The report, less the times of reading, which differ from run to run."""
    assert path.exists(), printed
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", "TIME", path.read_text(encoding="utf-8"))
    content: dict[str, Any] = json.loads(text)
    return content
