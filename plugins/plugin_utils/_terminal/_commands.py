# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that the last lines show: each does for the same accounts and trails what its line says.

A command has the inventory, the limit and the variables of the present one, and before it the profile and the region
of the environment, and what names the inventory there: they may have been typed for this run alone. Variables of
others may be secrets, and ours, or those of the inventory, may depend on them: where there are any, the command is told
in words. So is one after other options, some of which decide what the inventory says or who connects, one that a
terminal would not show as it has to be typed, or that would have to be written anew around a template, and one after a
playbook of others, which may have set variables itself.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.cli import CLI
from ansible.cli.playbook import PlaybookCLI
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv
from ansible.utils.context_objects import CLIArgs

from ...module_utils._printable import first_of, no_template, printable
from .._playbook import PLAYBOOKS, playbook_of_ours

# A variable and its value.
_Item = tuple[Any, Any]

PREFIX = "cloudtrail_kms_"
# What a restore takes of the variables of the enforcement: what opens the accounts, and what they are judged by. It is
# not narrowed.
_OF_A_RESTORE = frozenset(
    PREFIX + name
    for name in (
        *("hosts", "assume_role", "key_assume_role", "bucket_assume_role", "allow_unread_bucket_policy"),
        *("readers", "rules", "exceptions", "approved_keys", "proof"),
    )
)
_MOST_NAMED = 5  # of the variables of others
_OF_A_PLAN = ("--check", "--diff")
_GREEN = (f"{PREFIX}fail_on", "never")
_ENVIRONMENT = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_URL")
_ENDPOINT = "AWS_ENDPOINT_URL"  # of all services, or with _ and the name of one
_NO_INVENTORY = "/etc/ansible/hosts"  # what Ansible reads where neither the environment nor its configuration names one
# What Ansible reads where ANSIBLE_CONFIG does not name another (Ansible Configuration Settings).
_CONFIGURATIONS = ("ansible.cfg", "~/.ansible.cfg", "/etc/ansible/ansible.cfg")
# What else leads to the credentials of this run: secrets, or files that may be gone.
_CREDENTIALS = (
    *("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
)
# What a command has, and what changes nothing of its meaning.
_TYPED = frozenset({"args", "inventory", "subset", "extra_vars", "check", "diff", "verbosity", "forks"})
# A value that an extra variable takes as it stands: neither Ansible nor an option of ours splits it.
_ONE_WORD = re.compile(r"[\w./:@+~-]+")


def our_playbook(arguments: Mapping[str, Any]) -> str:
    """Return the name of the playbook that runs, if it is one alone and ours, or else an empty text."""
    (playbook, *others) = arguments.get("args") or ("",)
    return "" if others else playbook_of_ours(playbook)


def undo(arguments: Mapping[str, Any], backup: str) -> str:
    """Return the command that restores a backup in the accounts of this run."""
    name, path = f"{PREFIX}restore", from_here(backup)
    file = _text({name: path}) if _ONE_WORD.fullmatch(path) else _text({name: [path]})
    if not our_playbook(arguments):
        return f"{PLAYBOOKS}restore, or the role with tasks_from: restore, with the same variables and {file}"
    return _typed("restore", arguments, lambda item: item[0] in _OF_A_RESTORE, [file])


def next_command(
    arguments: Mapping[str, Any], audit: Mapping[str, Any] | None, result: Mapping[str, Any], needed: Sequence[str] = ()
) -> str:
    """Return the command that goes on after an audit or a plan by a playbook of ours, or an empty text.

    `needed` are variables, as in `name=true`: those without which the plan after an audit would be refused, or without
    which the run after a plan could not be undone. A run, other than its plan, is not kept green by `fail_on=never`.
    """
    name = our_playbook(arguments)
    if audit and name == "audit" and audit["summary"]["non_compliant"]:
        return _typed("enforce", arguments, partial(_goes_on, anew=needed), needed, _OF_A_PLAN)
    planned = any(change["status"] == "planned" for change in result.get("changes", ()))
    if not (name and planned and arguments.get("check")):
        return ""
    needed = () if name == "restore" else needed
    return _typed(name, arguments, lambda item: _goes_on(item, needed) and item != _GREEN, needed)


def without_green(arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the run after a plan needs, so that no file of variables keeps it green by `fail_on=never`."""
    name, never = _GREEN
    has_file = any(text.startswith("@") for text in _extra_vars(arguments))
    return (f"{name}=unknown",) if has_file and variables.get(name) == never else ()


def credentials() -> list[str]:
    """Return the line below a command that would run with other credentials in another environment."""
    line = "          with the AWS credentials of this run, which come from the environment"
    return [line] if any(map(os.environ.get, _CREDENTIALS)) else []


def typed_inventory(arguments: Mapping[str, Any]) -> list[str]:
    """Return the inventories that were typed, not those that are configured."""
    inventory = [*(arguments.get("inventory") or ())]
    places = [] if inventory == [*constants.DEFAULT_HOST_LIST] else inventory
    return [from_here(place) if os.path.exists(place) else place for place in places]


def from_here(path: str) -> str:
    """Return the path as it is typed where ansible-playbook was called: short where it lies below."""
    try:
        below = os.path.relpath(path)
    except (OSError, ValueError):  # that directory is gone, or there is no way from it
        return path
    if below.startswith(os.pardir):
        return path
    # What expands in a path is no name of a file.
    return os.path.join(os.curdir, below) if below.startswith(("~", "$")) else below


def _typed(
    playbook: str,
    arguments: Mapping[str, Any],
    is_kept: Callable[[_Item], bool],
    added: Sequence[str | None],
    more: Sequence[str] = (),
) -> str:
    """Return the command, or words for it, with the variables typed for this run that are kept, and those added."""
    variables = [*(_kept(text, is_kept) for text in _extra_vars(arguments)), *added]
    words = [word for place in typed_inventory(arguments) for word in ("-i", place)]
    words += [f"--limit={arguments['subset']}"] if arguments.get("subset") else []
    words += [word for variable in variables if variable for word in ("-e", variable)]
    before = _environment(arguments)
    command = f"{before}ansible-playbook {PLAYBOOKS}{playbook} {shlex.join([*words, *more])}".strip()
    typed = [item for text in _extra_vars(arguments) if text[0] != "@" for item in _values(text).items()]
    others = sorted({str(item[0]) for item in typed if not _is_of_ours(item)})
    more_options = _has_more_options(arguments)
    if not (others or more_options or None in variables) and printable(command) == command:
        return command
    why = "some are options beside -i, --limit and -e" if more_options else "they cannot be shown as they are typed"
    why = f"{first_of(others, _MOST_NAMED)} may be secret" if others else why
    own = shlex.join([*(word for variable in added if variable for word in ("-e", variable)), *more])
    without = ["--check"] if arguments.get("check") and not more else []
    without += sorted({str(item[0]) for item in typed if _is_of_ours(item) and not is_kept(item)})
    but = f", without {', '.join(without)}" if without else ""
    return f"{before}{PLAYBOOKS}{playbook} {own and f'{own} '}with the other arguments of this run{but}: {why}"


def _environment(arguments: Mapping[str, Any]) -> str:
    """Return what stands before a command: the profile, the region, the endpoints, and an inventory that was not typed.

    Without an endpoint the command would be for another AWS than this run was.
    """
    names = [*_ENVIRONMENT, *sorted(name for name in os.environ if name.startswith(_ENDPOINT))]
    is_named = [*constants.DEFAULT_HOST_LIST] != [_NO_INVENTORY]
    # Without the variable that names none, another configuration may name one.
    may_be_named = any(Path(each).expanduser().is_file() for each in _CONFIGURATIONS)
    if not typed_inventory(arguments) and (is_named or may_be_named):
        names.append("ANSIBLE_INVENTORY" if "ANSIBLE_INVENTORY" in os.environ else "ANSIBLE_CONFIG")
    return "".join(f"{name}={shlex.quote(os.environ[name])} " for name in names if name in os.environ)


def _has_more_options(arguments: Mapping[str, Any]) -> bool:
    """Return whether options were typed that a command does not have; others are as Ansible's configuration says."""
    cli = PlaybookCLI(["ansible-playbook", *arguments["args"]])
    cli.init_parser()
    usual = CLIArgs.from_options(CLI.post_process_args(cli, cli.parser.parse_args(cli.args[1:])))
    return any(value != usual.get(name) for name, value in arguments.items() if name not in _TYPED)


def _extra_vars(arguments: Mapping[str, Any]) -> Iterator[str]:
    return (text for text in arguments.get("extra_vars") or () if text)


def _is_of_ours(item: _Item) -> bool:
    return str(item[0]).startswith(PREFIX)


def _goes_on(item: _Item, anew: Sequence[str]) -> bool:
    """Return whether a variable is one of ours for the next run as well: its playbook says what it does.

    None of those that are set `anew`, as in `name=true`.
    """
    return _is_of_ours(item) and item[0] not in {f"{PREFIX}mode", *(each.partition("=")[0] for each in anew)}


def _kept(text: str, is_kept: Callable[[_Item], bool]) -> str | None:
    """Return a text for --extra-vars with those of its variables that are kept, as it was typed if these are all.

    None where JSON does not hold them.
    """
    if text.startswith("@"):
        return f"@{from_here(text[1:])}"
    values = _values(text)
    kept = dict(filter(is_kept, values.items()))
    # As it was typed it may hold a comment; JSON has none.
    return text if len(kept) == len(values) and (text[0] != "{" or _is_json(text)) else _text(kept)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _text(values: Mapping[str, Any]) -> str | None:
    """Return a text for --extra-vars that sets these values, None where JSON does not hold them as they are.

    A template is no longer known for one that Ansible evaluates, or that it leaves alone as `!unsafe`.
    """
    if all(isinstance(value, str) and _ONE_WORD.fullmatch(f"{name}{value}") for name, value in values.items()):
        return " ".join(f"{name}={value}" for name, value in values.items())
    try:
        text = json.dumps(values, default=_date)
    except TypeError:
        return None
    return text if no_template(text) == text else None


def _date(value: object) -> str:
    """Return a date of YAML as JSON has it. Raises TypeError for what is none, such as a value of a vault."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError


def _values(text: str) -> Mapping[str, Any]:
    """Return the variables of a text for --extra-vars as Ansible reads them (ansible.utils.vars, load_extra_vars)."""
    values: Mapping[str, Any] = DataLoader().load(text) if text[0] in "[{" else parse_kv(text)
    return values
