# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a look at many accounts leaves for the enforcement of each: its audit, where it is compliant.

In files rather than in the result: registered, the audits of all accounts would go through every task of every host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._facts import document
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._look import file_of


def keep(audit: Mapping[str, Any], directory: str) -> None:
    """Write the audit of each compliant account to a file in the directory, from which `_look.kept` has it.

    `audit` is that of many accounts, or empty where there is none.
    """
    for account in audit.get("accounts", ()):
        if account["verdict"] == "compliant":
            content = json.dumps(document([account], audit["generated_at"]))
            file_of(directory, account["account_id"]).write_text(content, encoding="utf-8")
