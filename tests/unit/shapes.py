# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published shapes, which semantic versioning covers, as they are documented, and what breaks them.

`make shapes` keeps those of a release in shapes.json; docs/versions.md says what is among them.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._backup import FORMAT
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._change import Backup, Replaced
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks import RULES
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports import FORMATS
from ansible_collections.aws_baseline.cloudtrail.plugins.plugin_utils._reports._csv import COLUMNS

ROOT = Path(__file__).parents[2]
RELEASED = Path(__file__).with_name("shapes.json")
COLLECTION = "aws_baseline.cloudtrail"
# Lists that may grow.
GROWING = ("aliases", "always", "choices", "columns", "enum", "env", "names", "positional", "variables")
Shapes: TypeAlias = dict[str, dict[str, Any]]
Found: TypeAlias = Iterator[tuple[str, dict[str, Any]]]


def shapes() -> Shapes:
    """Return what is published: by its place, such as `module/NAME/option/NAME`, what is promised of it."""
    found = dict([*_plugins(), *_schema(), *_others()])
    return {
        place: {name: value for name, value in promised.items() if value not in (None, [])}
        for place, promised in sorted(found.items())
    }


def _plugins() -> Found:
    """Modules, filters, the inventory and the role, as ansible-doc shows them."""
    command = ["ansible-doc", "--metadata-dump", COLLECTION]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["all"]
    for kind in ("module", "filter", "inventory", "lookup"):
        for full, plugin in shown[kind].items():
            place = f"{kind}/{full.removeprefix(f'{COLLECTION}.')}"
            positional = plugin["doc"].get("positional", "").split(", ")
            yield place, {"positional": [f"{number} {name}" for number, name in enumerate(positional) if name]}
            yield from _options(place, plugin["doc"].get("options"))
            yield from _returned(place, plugin.get("return"))
    for full, role in shown["role"].items():
        for name, entry_point in role["entry_points"].items():
            place = f"role/{full.removeprefix(f'{COLLECTION}.')}/{name}"
            yield place, {}
            yield from _options(place, entry_point["options"])


def _options(place: str, options: Mapping[str, Any] | None) -> Found:
    for name, option in (options or {}).items():
        here = f"{place}/option/{name}"
        kept = {each: option.get(each) for each in ("elements", "default", "aliases")}
        required = option.get("required") or None
        choices, env = [*(option.get("choices") or [])], [each["name"] for each in option.get("env", [])]
        yield here, {"type": option.get("type", "str"), **kept, "required": required, "choices": choices, "env": env}
        yield from _options(here, option.get("suboptions", option.get("options")))


def _returned(place: str, returned: Mapping[str, Any] | None) -> Found:
    """What is returned; of a dict that only a sample describes, its names."""
    for name, value in (returned or {}).items():
        here, sample = f"{place}/return/{name}", value.get("sample")
        names = [each for each in sample if each.isidentifier()] if isinstance(sample, dict) else []
        yield here, {"type": value["type"], "elements": value.get("elements"), "names": names}
        yield from _returned(here, value.get("contains"))


def _schema() -> Found:
    """The JSON report: what is in it, of which type, and what is always in it."""
    yield from _typed("report", json.loads((ROOT / "docs" / "cloudtrail-kms.schema.json").read_text(encoding="utf-8")))


def _typed(place: str, schema: Mapping[str, Any]) -> Found:
    kept = {name: schema.get(name) for name in ("enum", "const", "format", "$ref")}
    types = schema.get("type")
    named = " or ".join(types) if isinstance(types, list) else types
    yield place, {**kept, "type": named, "always": schema.get("required")}
    parts = {**schema.get("properties", {}), **schema.get("$defs", {})}
    items = {name: schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)}
    for name, part in {**parts, **items}.items():
        yield from _typed(f"{place}/{name}", part)


def _others() -> Found:
    yield from ((f"rule/{name}", {"level": str(rule.level)}) for name, rule in RULES.items())
    yield from ((f"report file/{name}", {"name": each.file_name}) for name, each in FORMATS.items())
    yield "csv", {"columns": [*COLUMNS]}
    report = (ROOT / "roles" / "cloudtrail_kms" / "tasks" / "report.yml").read_text(encoding="utf-8")
    yield "artifacts", {"names": sorted(set(re.findall(r"'(cloudtrail_kms_\w+)':", report)))}
    for shape in (Backup, Replaced):
        yield f"backup/{shape.__name__}", {"format": FORMAT, "names": [each.name for each in fields(shape)]}
    event = (ROOT / "extensions/eda/plugins/event_filter/cloudtrail_kms_change.py").read_text(encoding="utf-8")
    yield "event", {"names": sorted(set(re.findall(r"\bC\(([a-z_]+)\)", event)))}
    for path in [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("extensions/eda/rulebooks/*.yml")]:
        names = re.findall(r"(?<!cloudtrail\.)\bcloudtrail_kms_\w+", path.read_text(encoding="utf-8"))
        if "tasks" not in path.parts:
            yield f"playbook/{path.relative_to(ROOT)}", {"variables": sorted(set(names))}
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    for name, members in groups.items():
        yield f"action group/{name}", {"names": [each for each in members if isinstance(each, str)]}


def broken(before: Shapes, after: Shapes) -> Iterator[str]:
    """Yield what needs a major version: all that is gone, differs or is newly required. What is added does not."""
    for place, promised in before.items():
        if place not in after:
            yield f"{place} is gone"
            continue
        for name in sorted(promised.keys() | after[place].keys()):
            old, new = promised.get(name), after[place].get(name)
            if not _keeps(name, old, new):
                yield f"{place}: {name} was {json.dumps(old)} and is {json.dumps(new)}"
    for place in after.keys() - before.keys():
        if after[place].get("required") and place.rpartition("/option/")[0] in before:
            yield f"{place} is new and required"


def _keeps(name: str, old: Any, new: Any) -> bool:
    if name == "required":
        return bool(old or not new)
    if name in {"choices", "enum"} and old is None:
        return new is None
    return {*(old or [])} <= {*(new or [])} if name in GROWING else bool(old == new)


def main() -> None:
    """Keep the shapes of this version as those of the last release, one line for each."""
    version = json.dumps(yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    lines = ",\n".join(f"{json.dumps(place)}: {json.dumps(promised)}" for place, promised in shapes().items())
    RELEASED.write_text(f'{{"version": {version}, "shapes": {{\n{lines}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
