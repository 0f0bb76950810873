# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A filter for each report format. Their documentation stands beside this file, in one YAML file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleFilterError
from jinja2 import TemplateError

from ..module_utils._printable import printable
from ..plugin_utils._reports import CIS_VERSIONS, DEFAULT_CIS_VERSION, FORMATS


class FilterModule:
    """The filters `cloudtrail_kms_FORMAT`."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {f"cloudtrail_kms_{name}": partial(_report, name) for name in FORMATS}


def _report(name: str, audit: Any, cis_version: Any = DEFAULT_CIS_VERSION) -> str:
    """Return the report of an audit; AnsibleFilterError where the input is none."""
    if str(cis_version) not in CIS_VERSIONS:
        raise AnsibleFilterError(
            f"cis_version is {printable(str(cis_version))}; the rules are mapped to the versions "
            f"{', '.join(CIS_VERSIONS)}."
        )
    if not isinstance(audit, Mapping) or not isinstance(audit.get("accounts"), list):
        raise AnsibleFilterError(
            f"cloudtrail_kms_{name} takes an audit: the value of ansible_facts.cloudtrail_kms, or a saved "
            f"{FORMATS['json'].file_name} that was read with from_json."
        )
    try:
        return FORMATS[name].render(audit, cis_version=str(cis_version))
    except KeyError as error:
        raise AnsibleFilterError(printable(f"The audit is not complete: it has no {error}.")) from None
    except (AttributeError, IndexError, TypeError, ValueError, TemplateError) as error:
        raise AnsibleFilterError(printable(f"The audit has not the shape of one: {error}.")) from None
