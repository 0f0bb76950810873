# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the pictures in docs/pictures: the HTML report and the table of what `make demo` audits first."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.fakeaws.client import FakeAws
from tools.demo import AUDIT, REPORT_ONLY
from tools.isolated import ROOT

PICTURES = ROOT / "docs" / "pictures"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        (PICTURES / "table.svg").write_text(drawn(audited(folder)), encoding="utf-8")
        taken = [str(Path(folder, "cloudtrail-kms.html")), str(PICTURES / "report.png")]
        photograph = [sys.executable, "-m", "tools.venvs", "browser", "python", "-m", "tools.photograph", *taken]
        return subprocess.run(photograph, check=False).returncode


def audited(folder: str) -> str:
    """What an audit prints, in colour, as it leaves its report in the folder."""
    reports = json.dumps({"cloudtrail_kms_reports": ["html"], "cloudtrail_kms_report_dir": folder})
    with FakeAws.start("mixed") as aws:
        environment = aws.environment | {"ANSIBLE_FORCE_COLOR": "1"}
        command = ["ansible-playbook", AUDIT, *REPORT_ONLY, "-e", reports]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def drawn(printed: str) -> str:
    """The table of what was printed, as SVG that needs no font of others."""
    (table,) = re.findall(r"CloudTrail KMS audit of.*?^CIS [^\n]*", printed, re.M | re.S)
    text = Text.from_ansi(table)
    # The argument of a command may be wider than the rest, and Rich would break it.
    console = Console(record=True, width=max(line.cell_len for line in text.split()), file=io.StringIO())
    console.print(text)
    title = f"ansible-playbook {AUDIT}"
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id="table")
    svg = re.sub(r"\s*@font-face \{.*?\}|\s*<!--.*?-->", "", svg, flags=re.S)
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines() if line.strip())


if __name__ == "__main__":
    sys.exit(main())
