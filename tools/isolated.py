# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command where nothing in the user's environment can lead it to real AWS, or to another collection.

Usage: python -I tools/isolated.py COMMAND [ARGUMENT ...]
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
HOME = ROOT / ".cache" / "home"

# Credentials, endpoints and profiles; then settings of the tools, which would make our runs differ from yours.
DROPPED = (
    *("AWS_", "EC2_", "BOTO"),
    *("_ANSIBLE_", "ANSIBLE_", "COVERAGE_", "MAKE", "MFLAGS", "MOLECULE_", "MOTO_", "PYTEST_", "PYTHON", "XDG_"),
)


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables for a run of ours, made from those of the user.

    HOME is a folder of ours, since ~/.aws, ~/.ansible and ~/.config reach as far as variables do.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith(DROPPED)}
    user_home = environment.get("HOME", "/")
    path = environment.get("PATH", os.defpath)
    pyenv = Path(environment.get("PYENV_ROOT", f"{user_home}/.pyenv"))
    loopback = "127.0.0.1,localhost,::1"
    no_proxy = ",".join(filter(None, [environment.get("no_proxy") or environment.get("NO_PROXY"), loopback]))
    return kept | {
        "PATH": f"{VENV / 'bin'}{os.pathsep}{path}",
        "VIRTUAL_ENV": str(VENV),
        "HOME": str(HOME),
        "LC_ALL": "C.UTF-8",
        "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "pycache"),
        "ANSIBLE_CONFIG": str(ROOT / "tests" / "ansible.cfg"),
        "ANSIBLE_HOME": str(HOME / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(HOME / ".ansible" / "collections"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "GIT_CONFIG_GLOBAL": environment.get("GIT_CONFIG_GLOBAL", f"{user_home}/.gitconfig"),
        "UV_NO_PROJECT": "true",
        "UV_PYTHON_DOWNLOADS": "never",
        # Before the shims of pyenv, which uv cannot use.
        "UV_PYTHON_SEARCH_PATH": os.pathsep.join([*map(str, pyenv.glob("versions/*/bin")), path]),
        "UV_SYSTEM_CERTS": "true",
    }


def make_home(user_home: Path) -> None:
    """ansible-test installs packages: the index, proxy and certificate that the user's pip knows are kept."""
    (HOME / ".config").mkdir(parents=True, exist_ok=True)
    pip = user_home / ".config" / "pip"
    kept = HOME / ".config" / "pip"
    if pip.is_dir() and not kept.exists():
        kept.unlink(missing_ok=True)  # a link to a folder that is gone
        with contextlib.suppress(FileExistsError):  # make starts two of us at the same time
            kept.symlink_to(pip)


def main() -> None:
    make_home(Path.home())
    os.chdir(ROOT)
    os.execvpe(sys.argv[1], sys.argv[1:], isolated(os.environ))


if __name__ == "__main__":
    main()
