# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints the tables of an audit or an enforcement, writes its reports. Its documentation stands in plugins/modules/."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.color import stringc
from ansible.utils.display import Display

from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._arguments import ONE_OF, OPTIONS, last_read
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._enforcement import render_enforcement
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._grid import Paint
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._notes import Tone
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._table import render

display = Display()

# Asked when this file is imported, which Ansible does in its main process: the worker that runs the action has
# no terminal any more. Without a terminal Ansible's own answer is 79; a log or a pipe has room for more.
WIDTH = display.columns if sys.stdout.isatty() else 100

FILE_MODE = 0o640


class ActionModule(ActionBase):
    """Report an audit or an enforcement: tables for the person who runs it, files for the machines that read it."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the table and write the reports; in check mode print only. Returns the paths of the reports."""
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            argument_spec={
                **OPTIONS,
                "formats": {"type": "list", "elements": "str", "choices": ["json"], "default": []},
                "directory": {"type": "path"},
            },
            mutually_exclusive=ONE_OF,
            required_one_of=ONE_OF,
        )[1]
        _show(arguments)
        # A report records a run, it is no state of the account: writing it is no change.
        return {**result, "changed": False, "reports": self._reports(arguments)}

    def _reports(self, arguments: Mapping[str, Any]) -> list[str]:
        if not arguments["formats"] or self._task.check_mode:
            return []
        if not arguments["directory"]:
            raise AnsibleActionFail(f"No directory is given to write the {arguments['formats'][0]} report to.")
        path = Path(arguments["directory"]) / "cloudtrail-kms.json"
        try:
            _write(path, json.dumps(last_read(arguments), indent=2, sort_keys=True) + "\n")
        except OSError as error:
            raise AnsibleActionFail(
                f"The report {path} cannot be written: {error.strerror}. The directory must exist and be writable."
            ) from None  # the cause would only add the name of the temporary file
        return [str(path)]


def _show(arguments: Mapping[str, Any]) -> None:
    """Show all in one piece, so that hosts side by side do not mix their lines, and log it without colour."""
    tones = {
        "strong": constants.COLOR_HIGHLIGHT,
        "good": constants.COLOR_OK,
        "bad": constants.COLOR_ERROR,
        "doubt": constants.COLOR_WARN,
        "quiet": constants.COLOR_SKIP,
    }

    def paint(text: str, tone: Tone) -> str:
        painted: str = stringc(text, tones[tone])
        return painted

    def table(paint: Paint) -> str:
        if arguments["enforcement"]:
            return render_enforcement(arguments["enforcement"], width=WIDTH, paint=paint)
        return render(arguments["audit"], width=WIDTH, paint=paint)

    display.display(table(paint), screen_only=True)
    display.display(table(lambda text, _tone: text), log_only=True)


def _write(path: Path, text: str) -> None:
    """Write a whole file or none: a reader never finds half a report."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, FILE_MODE)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
