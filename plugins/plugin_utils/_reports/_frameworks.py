# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frameworks that require a rule, under the names that auditors know, in one version of the CIS benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

_CIS = "cis_aws_foundations_"
_CIS_NAME = "CIS AWS Foundations"
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "aws_security_hub": "AWS Security Hub",
        "aws_config": "AWS Config",
        "nist_800_53_r5": "NIST SP 800-53 Rev. 5",
        "nist_800_171_r2": "NIST SP 800-171 Rev. 2",
        "pci_dss_4.0.1": "PCI DSS 4.0.1",
        "iso_27001_2022": "ISO/IEC 27001:2022",
        "soc_2": "SOC 2",
        "hipaa": "HIPAA Security Rule",
    }
)


def benchmark(cis_version: str) -> str:
    """Return the CIS benchmark's name as it stands before a control."""
    return f"{_CIS_NAME} {cis_version}"


def cis_controls(frameworks: Mapping[str, Sequence[str]], cis_version: str) -> str:
    """Return the controls of the CIS benchmark among those of all frameworks."""
    return ", ".join(frameworks[f"{_CIS}{cis_version}"])


def chosen(frameworks: Mapping[str, Sequence[str]], cis_version: str) -> dict[str, Sequence[str]]:
    """Return the frameworks of a finding with only one version of the CIS benchmark, which comes first.

    Their order is ours: a saved audit has sorted keys, and must give the same report.
    """
    known = (f"{_CIS}{cis_version}", *_NAMES)
    others = sorted(name for name in frameworks if name not in known and not name.startswith(_CIS))
    return {name: frameworks[name] for name in (*known, *others) if name in frameworks}


def title(framework: str) -> str:
    """Return a framework's name for people; an unknown one keeps its key."""
    if framework.startswith(_CIS):
        return f"{_CIS_NAME} Benchmark {framework.removeprefix(_CIS)}"
    return _NAMES.get(framework, framework)


def requirements(frameworks: Mapping[str, Sequence[str]]) -> list[str]:
    """Return every control with its framework's name, as in "PCI DSS 4.0.1 10.3.2"."""
    return [f"{title(name)} {control}" for name, controls in frameworks.items() for control in controls]
