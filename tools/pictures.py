# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the pictures in docs/pictures: the HTML report and the table of what `make demo` audits first."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.fakeaws.client import FakeAws
from tools.demo import AUDIT
from tools.isolated import ROOT

PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = ("chromium", "--headless", "--no-sandbox", "--hide-scrollbars")
SIZE = "1180,2002"  # to the end of the matrix


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, FakeAws.start("mixed") as aws:
        reports = json.dumps({"cloudtrail_kms_reports": ["html"], "cloudtrail_kms_report_dir": folder})
        audit = ["ansible-playbook", AUDIT, "-e", "cloudtrail_kms_fail_on=never", "-e", reports]
        environment = aws.environment | {"ANSIBLE_FORCE_COLOR": "1"}
        printed = subprocess.run(audit, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        report = (Path(folder) / "cloudtrail-kms.html").as_uri()
        photograph = [*CHROMIUM, f"--window-size={SIZE}", f"--screenshot={PICTURES / 'report.png'}", report]
        subprocess.run(photograph, check=True)
    (PICTURES / "table.svg").write_text(drawn(printed), encoding="utf-8")


def drawn(printed: str) -> str:
    """The table of what was printed, as SVG that needs no font of others."""
    (table,) = re.findall(r"CloudTrail KMS audit of.*?^CIS [^\n]*", printed, re.M | re.S)
    text = Text.from_ansi(table)
    # The argument of a command may be wider than the rest, and Rich would break it.
    console = Console(record=True, width=max(line.cell_len for line in text.split()), file=io.StringIO())
    console.print(text)
    svg = console.export_svg(title=f"ansible-playbook {AUDIT}", theme=MONOKAI, unique_id="table")
    svg = re.sub(r"\s*@font-face \{.*?\}|\s*<!--.*?-->", "", svg, flags=re.S)
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines() if line.strip())


if __name__ == "__main__":
    main()
