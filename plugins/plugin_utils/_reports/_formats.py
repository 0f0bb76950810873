# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The formats of a report, each with the name of its file and the pure function that renders an audit.

A format is a function `render(audit, *, cis_version) -> str`. `audit` has the shape of `ansible_facts.cloudtrail_kms`.
`cis_version` is one of `CIS_VERSIONS`, that of the benchmark whose numbers the report gives. The same audit gives the
same text. Its content may be hostile: names, reasons and AWS's messages are data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from . import _asff, _csv, _html, _junit, _ocsf

# The versions of the CIS AWS Foundations Benchmark that the rules are mapped to.
CIS_VERSIONS = ("1.2", "1.3", "1.4", "1.5", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0")
DEFAULT_CIS_VERSION = "3.0"


@dataclass(frozen=True)
class Format:
    """One format: the name of its file, and what renders it."""

    file_name: str
    renderer: Callable[..., str]

    def render(self, audit: Mapping[str, Any], *, cis_version: str = DEFAULT_CIS_VERSION) -> str:
        return self.renderer(audit, cis_version=cis_version)


def _json(audit: Mapping[str, Any], *, cis_version: str) -> str:
    """Return the whole audit with its keys sorted, in ASCII, as docs/cloudtrail-kms.schema.json describes it."""
    del cis_version  # Every version stays in: the other reports can be made from this one, for any of them.
    return json.dumps(audit, indent=2, sort_keys=True) + "\n"


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "html": Format("cloudtrail-kms.html", _html.render),
        "json": Format("cloudtrail-kms.json", _json),
        "csv": Format("cloudtrail-kms.csv", _csv.render),
        "junit": Format("cloudtrail-kms-junit.xml", _junit.render),
        "ocsf": Format("cloudtrail-kms-ocsf.json", _ocsf.render),
        "asff": Format("cloudtrail-kms-asff.json", _asff.render),
    }
)
