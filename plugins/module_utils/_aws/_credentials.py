# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose credentials sign a request, so that one client of a service and region serves every account.

A client costs 3 to 6 ms of CPU, a request 1 to 2: with a client for each account and region, making clients would be
most of the work. But botocore signs each attempt of a request, retries too, in the thread that sends it, and asks
the client's credentials object for the keys each time (botocore/signers.py, RequestSigner.get_auth_instance:
`credentials.get_frozen_credentials()`). The object that all clients here are given answers for the one who is asking in
this thread. Connections carry no credentials, so they are shared as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from .._model import ReadError

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    import botocore.credentials
    from botocore.exceptions import CredentialRetrievalError

# Seconds before its end when a session is replaced: longer than any request with all its retries takes.
MARGIN = 300


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role: botocore's frozen credentials, their end and their issue (epoch seconds)."""

    frozen: Any
    expires: float
    issued: float


class Credentials(Protocol):
    """What signs a request."""

    def frozen(self) -> Any:
        """Return botocore's frozen credentials, or None where there are none; may raise BotoCoreError."""

    def renew(self, asked_at: float, /) -> bool:
        """Return whether there are newer credentials than at that time (epoch seconds), which AWS calls expired."""


class CallerCredentials:
    """The credentials of the module's caller, looked up at the first request; botocore renews its own."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load, self._lock = load, threading.Lock()
        self._loaded: list[Any] = []

    def frozen(self) -> Any:
        with self._lock:
            if not self._loaded:
                self._loaded.append(self._load())
        found = self._loaded[0]
        return found and found.get_frozen_credentials()

    def renew(self, _asked_at: float) -> bool:
        """Return False: only the caller can renew the caller's credentials."""
        return False


class RoleCredentials:
    """The credentials of a role, which is assumed again before its session ends. `issue` asks STS."""

    def __init__(self, session: Session, issue: Callable[[], Session | ReadError]) -> None:
        self._session, self._issue, self._lock = session, issue, threading.Lock()

    def frozen(self) -> Any:
        """Return the credentials. Raises CredentialRetrievalError where the session is over and STS refuses another."""
        with self._lock:
            left = self._session.expires - time.time()
            if left < MARGIN:
                self._replace(needed=left <= 0)
            return self._session.frozen

    def renew(self, asked_at: float) -> bool:
        """Ask STS, unless another thread has done so since."""
        with self._lock:
            if self._session.issued <= asked_at:
                self._replace(needed=False)
            return self._session.issued > asked_at

    def _replace(self, *, needed: bool) -> None:
        issued = self._issue()
        if not isinstance(issued, ReadError):
            self._session = issued
        elif needed:
            raise CredentialRetrievalError(provider="AssumeRole", error_msg=f"{issued.code}: {issued.message}")


class SignedByAsker:
    """The credentials object of every client, in the shape that botocore asks for, and the provider that hands it out.

    The session's component `credential_provider` (botocore/session.py, get_credentials) gives a client what it signs
    with.
    """

    method = "asker"

    def load_credentials(self) -> SignedByAsker:
        """Return what botocore's credential resolver returns."""
        return self

    def get_frozen_credentials(self) -> Any:
        """Return the keys of the access that asks in this thread."""
        return _asking.get().frozen()

    def get_deferred_property(self, _name: str) -> Callable[[], None]:
        """Return None by a call: no endpoint here depends on the account (botocore/args.py, parameter AccountId)."""
        return lambda: None


@contextmanager
def signed_with(credentials: Credentials) -> Iterator[None]:
    """Sign the requests of this thread with these credentials."""
    token = _asking.set(credentials)
    try:
        yield
    finally:
        _asking.reset(token)


_asking: ContextVar[Credentials] = ContextVar("asking")


def static(access_key: str, secret_key: str, session_token: str | None) -> Any:
    """Return botocore's credentials object of these keys."""
    return botocore.credentials.Credentials(access_key, secret_key, session_token)


def issued(account_id: str, answer: dict[str, Any]) -> Session:
    """Return the session of a role of this account (STS API reference, AssumeRole).

    Raises KeyError or AttributeError where the answer is not STS's, ValueError where it opens another account.
    """
    credentials, user = answer["Credentials"], answer["AssumedRoleUser"]["Arn"]
    if user.split(":")[4:5] != [account_id]:
        raise ValueError(f"it opens {user}, not account {account_id}")
    keys = static(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    return Session(keys.get_frozen_credentials(), credentials["Expiration"].timestamp(), time.time())
