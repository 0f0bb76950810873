# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the variables of -e that Ansible takes without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import SequenceMatcher
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv, split_args
from ansible.utils.vars import load_extra_vars

from ._variables import PREFIX, SETTABLE, VariablesError, in_their_types, refuse_unknown

# Where Ansible leaves words that set nothing (ansible.parsing.splitter, parse_kv). They may be parts of a secret.
_NO_VARIABLE = "_raw_params"
# From this likeness on (difflib's ratio) a prefix is ours but for a letter: one letter for another comes to 0.933.
_MISSPELT = 0.93
# What is of a vault is neither of these; it is decrypted where a host uses it.
_PLAIN = (str, int, float, date, type(None))
_TEMPLATE = re.compile(r"\{[{%#]")


def refuse_extra(arguments: Mapping[str, Any], loader: Any) -> None:
    """Raise VariablesError for a word that sets nothing, and for a variable of ours that cannot be meant.

    Here it is said once, however many hosts there are. `arguments` are those of ansible-playbook.
    """
    extra = load_extra_vars(loader)
    if _NO_VARIABLE in extra:
        raise VariablesError(
            "-e holds words without =, which set nothing. Write name=value, without spaces around =, lists with commas "
            "and without spaces, or JSON."
        )
    for name, meant in ((str(name), _meant(str(name))) for name in extra):
        if meant and not name.startswith(PREFIX):
            raise VariablesError(f"-e sets {name}, which is no variable of this collection; did you mean {meant}?")
    values: dict[str, Any] = {}
    for name, value in ((str(name), value) for name, value in _typed(arguments)):
        if name.startswith(PREFIX) and all(isinstance(each, _PLAIN) for each in _leaves(value)):
            each = _as_meant(name, value)
            if values.setdefault(name, each) != each:
                raise VariablesError(f"-e sets {name} twice, to different values. Set it once.")


def _as_meant(name: str, value: Any) -> Any:
    """Return the value of an option in its type, and any other value, or one that each host may template, as it is.

    Raises VariablesError for a name that is none of ours, and for a value that is not of its type.
    """
    refuse_unknown([name])
    if any(isinstance(each, str) and _TEMPLATE.search(each) for each in _leaves(value)):
        return value
    return in_their_types({name: value}) or value


def _leaves(value: Any) -> Iterator[Any]:
    """Yield what mappings and lists hold in the end."""
    if isinstance(value, Mapping):
        yield from (leaf for pair in value.items() for each in pair for leaf in _leaves(each))
    elif isinstance(value, list):
        yield from (leaf for each in value for leaf in _leaves(each))
    else:
        yield value


def _meant(name: str) -> str:
    """Return the variable of ours that a name is but for a letter of the prefix, or an empty text."""
    plain = name.lower().replace("-", "_")
    for known in sorted((each for each in SETTABLE if plain.endswith(f"_{each}")), key=len):
        if SequenceMatcher(None, plain.removesuffix(known), PREFIX).ratio() >= _MISSPELT:
            return PREFIX + known
    return ""


def _typed(arguments: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each variable that was typed with its value; those of files are there to be replaced by what is typed."""
    for text in filter(None, arguments.get("extra_vars") or ()):
        if text[0] in "[{":
            yield from DataLoader().load(text).items()
        elif text[0] != "@":
            yield from (item for word in split_args(text) for item in parse_kv(word).items())
