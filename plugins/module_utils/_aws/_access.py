# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who asks AWS, and how: one botocore session, clients made once, errors turned into facts."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import count
from typing import Any, TypeVar

from .._next_steps import STEPS, ReadError, next_step
from .._permissions import iam_action
from .._scope import Role
from .._version import VERSION
from ._credentials import (
    CallerCredentials,
    Credentials,
    RoleCredentials,
    Session,
    SignedByAsker,
    issued,
    signed_with,
    static,
)
from ._pace import Pace

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    import botocore.config
    import botocore.credentials
    import botocore.session
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError, PartialCredentialsError, ProfileNotFound
    from botocore.parsers import ResponseParserError


Fact = TypeVar("Fact")
Row = TypeVar("Row")

MALFORMED = "MalformedAnswerError"
# What taking an answer apart raises when it has another shape than AWS's service model says; the last two are of
# timestamps that no clock knows (botocore/utils.py, parse_timestamp).
_MISFITS = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, RuntimeError)
# The organization with the most accounts is listed in some hundred pages (Organizations guide, "Quotas"): beyond this
# many the list is one that never ends.
MOST_PAGES = 10_000
# The parameter that asks a service for the next page of a list, and the field of the answer that holds its value (KMS
# API reference, ListKeys; Organizations API reference, ListAccounts; IAM API reference, SimulatePrincipalPolicy).
_TOKENS = {"kms": ("Marker", "NextMarker"), "organizations": ("NextToken", "NextToken"), "iam": ("Marker", "Marker")}
# The session of an assumed role is over: JSON services, STS and S3, EC2 ("Common errors" pages of the services).
_EXPIRED = ("ExpiredTokenException", "ExpiredToken", "RequestExpired")
# Seconds for which a read waits that the SDK gave up on because others used up the retries of the client they share.
PATIENCE = 60
# New objects, of those that can refer to each other in a circle, after which Python looks for garbage; it comes with
# 2,000 or fewer. The clients of one account make some hundred thousand, of which nearly all stay.
OBJECTS_BETWEEN_COLLECTIONS = 50_000
# The types of the Smithy specification, "Simple types", as the SDK's parsers give them.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (datetime,),
    "blob": (bytes,),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
}


class AwsError(Exception):
    """AWS cannot be asked; the message tells the user why and what to do.

    `errors` are the failed reads behind it.
    """

    def __init__(self, message: str, *errors: ReadError) -> None:
        super().__init__(message)
        self.errors = errors


class Clock:
    """AWS's time, from the Date of its answers: the times that AWS reports are compared with it.

    The clock of this machine counts only before the first answer. It may be minutes off: S3 takes requests that are
    signed up to 15 minutes before or after its own time (S3 API reference, "Error responses", RequestTimeTooSkewed). A
    Date that is further off cannot come from AWS, which has accepted the request.
    """

    MOST = timedelta(minutes=15)

    def __init__(self) -> None:
        self._heard: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """Return AWS's time, up to a second late, and never before the last answer was made."""
        if self._heard is None:
            return datetime.now(timezone.utc)
        at, since = self._heard
        return at + timedelta(seconds=time.monotonic() - since)

    def hear(self, response: Mapping[str, Any]) -> None:
        """Take the time from an answer. A Date is cut to whole seconds (RFC 9110, 5.6.7), so it may be one later."""
        with suppress(*_MISFITS):
            date = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"]) + timedelta(seconds=1)
            behind = self.now() - date
            if abs(date - datetime.now(timezone.utc)) <= self.MOST and not timedelta() <= behind < timedelta(seconds=2):
                self._heard = date, time.monotonic()


class Clients:
    """The clients that all accesses share, made once for each service and region from one botocore session.

    A session costs twenty times a client. Making a client is not thread-safe (boto3 guide, "Multithreading or
    multiprocessing with clients"), hence the lock; using one is. Each request is signed with the credentials of
    every caller, see _credentials.py.
    """

    def __init__(self, session: botocore.session.Session, settings: dict[str, Any]) -> None:
        self._session = session
        self._settings = settings
        self.clock = Clock()
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str, bool], Any] = {}
        session.register_component("credential_provider", SignedByAsker())

    def client(self, service: str, region: str, *, retries: bool = True) -> Any:
        """Return the client of a service in a region, made at the first call; with the SDK's retries or without."""
        made = self._made.get((service, region, retries))
        if made is not None:
            return made
        with self._lock:
            if (service, region, retries) not in self._made:
                self._made[service, region, retries] = self._make(service, region, retries=retries)
            return self._made[service, region, retries]

    def _make(self, service: str, region: str, *, retries: bool) -> Any:
        settings = dict(self._settings)
        if not retries:
            once = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 1})
            settings["config"] = settings["config"].merge(once)
        try:
            return self._session.create_client(service, region_name=region, **settings)
        except ValueError as error:
            raise AwsError(f"AWS cannot be called in {region}: {error}. Correct endpoint_url or the region.") from error


class Access:
    """One principal's way to AWS: the shared clients, and the credentials that sign its requests."""

    def __init__(self, clients: Clients, credentials: Credentials, *, region: str) -> None:
        self.region = region
        self.clients = clients
        self._credentials = credentials

    def now(self) -> datetime:
        """Return AWS's time."""
        return self.clients.clock.now()

    def prepare(self, service: str) -> None:
        """Make the client of a service; an error shows when the client is used."""
        with suppress(AwsError, BotoCoreError):
            self.clients.client(service, self.region)

    def knows(self, service: str, region: str, operation: str) -> bool:
        """Return whether the installed SDK has an operation."""
        return operation in self.clients.client(service, region).meta.service_model.operation_names

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send one request and return its response; raises botocore's ClientError and BotoCoreError."""
        client, pace = self.clients.client(service, region), Pace(PATIENCE)
        for attempt in count():
            asked_at = time.time()
            try:
                return self._send(client, operation, parameters)
            except ClientError as error:
                if not self._worth_another(error, attempt, asked_at, pace):
                    raise
        raise AssertionError  # count() has no end

    def _worth_another(self, error: ClientError, attempt: int, asked_at: float, pace: Pace) -> bool:
        """Renew an expired session, once; wait where the SDK would have waited if others had not used up its retries.

        The SDK grants a client 500 units of retries at a time (botocore/retries/quota.py) and says when they are
        out (RetryQuotaReached in ResponseMetadata). Here all accounts share the client, and one that is throttled
        must not take the retries of the others.
        """
        detail: Any = error.response
        if detail.get("Error", {}).get("Code") in _EXPIRED:
            return attempt == 0 and self._credentials.renew(asked_at)
        return bool(detail.get("ResponseMetadata", {}).get("RetryQuotaReached")) and pace.wait(attempt)

    def send_once(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send one request once, whatever its outcome; raises botocore's ClientError and BotoCoreError.

        For writes: the SDK cannot know which of them must not be sent twice.
        """
        return self._send(self.clients.client(service, region, retries=False), operation, parameters)

    def _send(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._call(client, operation, parameters)
        except ClientError as error:
            error.response = escape_halves(error.response)
            raise
        shape = client.meta.service_model.operation_model(operation).output_shape
        return response if shape is None else _checked(shape, response)

    def _call(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        with signed_with(self._credentials):
            response: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
            self.clients.clock.hear(response)
            return response

    def ask(
        self,
        service: str,
        region: str,
        operation: str,
        fact: Callable[[dict[str, Any]], Fact],
        *,
        telling: tuple[str, ...] = (),
        **parameters: Any,
    ) -> Fact | ReadError:
        """Send one request; return the fact that `fact` makes of the answer, or the ReadError that says why not.

        `telling` are error codes whose answer may hold the fact all the same. An answer that `fact` cannot read is not
        AWS's: a proxy, a portal, or a stand-in sent it.
        """
        try:
            return fact(self.send(service, region, operation, **parameters))
        except ClientError as error:
            refused = read_error(service, operation, region, error)
            with suppress(*_MISFITS):
                return fact(dict(error.response)) if refused.code in telling else refused
            return refused
        except BotoCoreError as error:
            return read_error(service, operation, region, error)
        except (ResponseParserError, *_MISFITS) as error:
            return malformed(service, operation, region, f"{type(error).__name__}: {error}")

    def ask_pages(
        self,
        service: str,
        region: str,
        operation: str,
        field: str,
        take: Callable[[dict[str, Any]], Row],
        **parameters: Any,
    ) -> list[Row] | ReadError:
        """Return what `take` makes of every row in the field of a list, page by page.

        A page may be empty while more are to come (Organizations API reference, the note on every List operation). A
        list without an end is not AWS's.
        """
        token, next_token = _TOKENS[service]

        def page(answer: dict[str, Any]) -> tuple[list[Row], str | None]:
            is_truncated = answer.get("Truncated", answer.get("IsTruncated", next_token in answer))
            return [take(row) for row in answer[field]], (answer[next_token] or None) if is_truncated else None

        rows: list[Row] = []
        tokens: set[str] = set()
        while len(tokens) < MOST_PAGES:
            answer = self.ask(service, region, operation, page, **parameters)
            if isinstance(answer, ReadError):
                return answer
            found, following = answer
            rows += found
            if following is None:
                return rows
            if following in tokens:
                return malformed(service, operation, region, f"one page after the other with the same {token}")
            tokens.add(following)
            parameters[token] = following
        return malformed(service, operation, region, f"more than {MOST_PAGES:,} pages")

    def assume(self, role: Role) -> Access:
        """Return the access of an assumed role, which is assumed again before its session ends.

        Raises AwsError where STS refuses; AssumeRole runs in check mode too, since it changes nothing.
        """
        request: dict[str, Any] = {"RoleArn": role.role_arn, "RoleSessionName": role.session_name}
        if role.external_id is not None:
            request["ExternalId"] = role.external_id

        def issue() -> Session | ReadError:
            return self.ask("sts", self.region, "AssumeRole", partial(issued, role.account_id), **request)

        session = issue()
        if isinstance(session, ReadError):
            which = f"{role.role_arn} of the option {role.option}" if role.option else role.role_arn
            why = f"Cannot assume the role {which} ({session.code}: {session.message}). {next_step(session)}"
            raise AwsError(why, replace(session, message=why))
        return Access(self.clients, RoleCredentials(session, issue), region=self.region)


def malformed(service: str, operation: str, region: str, why: str) -> ReadError:
    """Return the error of a read whose answer cannot be AWS's; it says why."""
    return failed_read(service, operation, region, MALFORMED, f"the answer is not one that AWS gives ({why})")


def failed_read(service: str, operation: str, region: str, code: str, message: str) -> ReadError:
    """Return the error of a read, with the IAM action that the read needs."""
    return ReadError(service, operation, iam_action(service, operation), region, code, message)


def _checked(shape: Any, response: dict[str, Any]) -> dict[str, Any]:
    try:
        check(shape, response)
    except UnicodeEncodeError:
        return _checked(shape, escape_halves(response))
    except TypeError as error:
        raise ResponseParserError(str(error)) from error
    return response


def check(shape: Any, value: Any, where: str = "") -> None:
    """Raise TypeError, naming the member, if a value does not have the type of its shape (botocore's).

    The SDK takes JSON as it comes: where the model has a text, a stand-in for AWS may have sent a list. The reader of
    an answer reports missing members. Raises UnicodeEncodeError for a text with half a character.
    """
    if not _fits(shape.type_name, value):
        raise TypeError(f"{where or 'the whole'} is {type(value).__name__}, not {shape.type_name}")
    if isinstance(value, str):
        value.encode()
    elif shape.type_name == "structure":
        for name in shape.members.keys() & value.keys():
            check(shape.members[name], value[name], f"{where}.{name}".lstrip("."))
    elif shape.type_name == "map":
        for each in value.values():
            check(shape.value, each, f"{where}.*")
    elif shape.type_name == "list":
        for each in value:
            check(shape.member, each, f"{where}[]")


def escape_halves(value: Any) -> Any:
    r"""Return the value with halves of characters as escapes: `\ud800` of six characters.

    JSON can hold half a character (a lone surrogate), which no file, hash or terminal takes.
    """
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, list):
        return [escape_halves(each) for each in value]
    return {name: escape_halves(each) for name, each in value.items()} if isinstance(value, dict) else value


def _fits(type_name: str, value: object) -> bool:
    """Return whether the value is of the type; Python takes true for a number, AWS does not."""
    expected = _TYPES.get(type_name)
    return expected is None or (isinstance(value, expected) and isinstance(value, bool) is (bool in expected))


def read_error(service: str, operation: str, region: str, error: ClientError | BotoCoreError) -> ReadError:
    """Turn botocore's exception into the fact that a read failed.

    The code is AWS's error code, or the name of botocore's exception where no answer came.
    """
    if isinstance(error, ClientError):
        detail: Any = error.response.get("Error", {})
        code, message = str(detail.get("Code", "Unknown")), str(detail.get("Message", error))
    else:
        code, message = type(error).__name__, str(error)
    return failed_read(service, operation, region, code, message)


def collect_garbage_seldom() -> None:
    """Collect garbage seldom, in a process that is a module's own: collecting takes a tenth of a short run."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def connect(region: str | None, endpoint_url: str | None, connection: Mapping[str, Any], concurrency: int) -> Access:
    """Return the access of the module's own credentials.

    The first three are what amazon.aws's `get_aws_connection_info` returns; `concurrency` sizes the
    connection pools. Raises AwsError where there is no region, or where TLS is not to be verified.
    """
    if connection.get("verify") is False:
        raise AwsError(
            "validate_certs=false is refused: anyone in between could forge the evidence. "
            "For a private certificate authority set aws_ca_bundle."
        )
    session = botocore.session.Session(profile=connection.get("profile_name"))
    _read_configuration(session)
    if not region:
        raise AwsError(
            "No region: set AWS_REGION, or the region of the profile (in your own playbook also the module's option "
            "region, or module_defaults)."
        )
    settings = {
        "endpoint_url": endpoint_url,
        "verify": connection.get("verify") if isinstance(connection.get("verify"), str) else None,
        "config": _client_config(connection.get("aws_config"), concurrency),
    }
    load = partial(_load_credentials, session, connection, region)
    return Access(Clients(session, settings), CallerCredentials(load), region=region)


def _read_configuration(session: botocore.session.Session) -> None:
    """Raise AwsError before AWS is called if the profile is not configured or its file cannot be read."""
    try:
        session.get_scoped_config()
    except ProfileNotFound as error:
        raise AwsError(
            f'The AWS profile "{error.kwargs["profile"]}" is not configured. {STEPS["ProfileNotFound"]}'
        ) from error
    except BotoCoreError as error:
        raise AwsError(f"{error}. Correct the file, or let AWS_CONFIG_FILE name another.") from error


def _load_credentials(session: botocore.session.Session, connection: Mapping[str, Any], region: str) -> Any:
    key, secret = connection.get("aws_access_key_id"), connection.get("aws_secret_access_key")
    if key and secret:
        return static(key, secret, connection.get("aws_session_token"))
    if key or secret:
        absent = "aws_secret_access_key" if key else "aws_access_key_id"
        raise PartialCredentialsError(provider="explicit", cred_var=absent)
    # The chain of every SDK: environment, profile, web identity, instance.
    return botocore.credentials.create_credential_resolver(session, region_name=region).load_credentials()


def _client_config(user_config: botocore.config.Config | None, concurrency: int) -> botocore.config.Config:
    """Return our client settings, under the user's own `aws_config`.

    Standard retries know every throttling code of AWS (SDK reference, "Retry behavior"); a connection
    that is not there in ten seconds will not come.
    """
    ours = botocore.config.Config(
        user_agent_extra=f"aws_baseline.cloudtrail/{VERSION}",
        max_pool_connections=concurrency,
        connect_timeout=10,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 5},
    )
    return ours.merge(user_config) if user_config else ours
