# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who asks AWS, and how: one botocore session, clients made once, errors turned into facts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError, next_step
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import iam_action
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._version import VERSION

with suppress(ImportError):  # AnsibleAWSModule names the missing library before any of this is used.
    import botocore.config
    import botocore.session
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError


Fact = TypeVar("Fact")

MALFORMED = "MalformedAnswerError"
# What taking an answer apart raises when it has another shape than AWS's service model says.
_MISFITS = (AttributeError, IndexError, KeyError, TypeError, ValueError)
ROLE_STEP = (
    "Check that the role exists, that its trust policy names the caller and the external id, "
    "and that the caller is allowed sts:AssumeRole."
)


class AwsError(Exception):
    """AWS cannot be asked what was asked for; the message says why and what to do, and is meant for the user."""


@dataclass(frozen=True)
class Role:
    """A role to assume (STS API reference, AssumeRole): its ARN, and what its trust policy may ask for."""

    role_arn: str
    external_id: str | None = None
    session_name: str = "aws-baseline-cloudtrail"

    @property
    def account_id(self) -> str:
        """The account that the role lives in."""
        return self.role_arn.split(":")[4]


@dataclass(frozen=True)
class Credentials:
    """Static credentials; a missing access key means botocore's own chain (environment, profile, instance)."""

    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None


class Access:
    """One principal's way to AWS.

    Clients are made once for each service and region from one shared botocore session, since a
    session costs twenty times a client. Making a client is not thread-safe (boto3 guide,
    "Multithreading or multiprocessing with clients"), hence the lock; using one is.
    """

    def __init__(
        self,
        session: botocore.session.Session,
        credentials: Credentials,
        *,
        region: str,
        settings: dict[str, Any],
        lock: threading.Lock,
    ) -> None:
        self.region = region
        self._session = session
        self._credentials = credentials
        self._settings = settings
        self._lock = lock
        self._clients: dict[tuple[str, str, bool], Any] = {}

    def client(self, service: str, region: str, *, retries: bool = True) -> Any:
        """Return the client of a service in a region, made at the first call; with the SDK's retries or without."""
        with self._lock:
            if (service, region, retries) not in self._clients:
                self._clients[service, region, retries] = self._make_client(service, region, retries=retries)
            return self._clients[service, region, retries]

    def _make_client(self, service: str, region: str, *, retries: bool) -> Any:
        try:
            return self._session.create_client(
                service,
                region_name=region,
                aws_access_key_id=self._credentials.access_key,
                aws_secret_access_key=self._credentials.secret_key,
                aws_session_token=self._credentials.session_token,
                **(self._settings if retries else _without_retries(self._settings)),
            )
        except ValueError as error:
            raise AwsError(f"AWS cannot be asked in {region}: {error}. Correct endpoint_url or the region.") from error

    def send(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send one request and return its response; raises botocore's ClientError and BotoCoreError."""
        method = getattr(self.client(service, region), xform_name(operation))
        response: dict[str, Any] = method(**parameters)
        return response

    def send_once(self, service: str, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send one request once, whatever becomes of it; raises botocore's ClientError and BotoCoreError.

        For writes: the SDK cannot know which of them must not be sent twice.
        """
        method = getattr(self.client(service, region, retries=False), xform_name(operation))
        response: dict[str, Any] = method(**parameters)
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
        """Send one request and make a fact of its answer, or of what went wrong the ReadError that says so.

        `telling` are error codes whose answer may hold the fact all the same. An answer that `fact` cannot be made
        of is not AWS's: a proxy, a portal, or a stand-in spoke in its place.
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
        except (ResponseParserError, RecursionError, *_MISFITS) as error:
            message = f"the answer is not one that AWS gives ({type(error).__name__}: {error})"
            return ReadError(service, operation, iam_action(service, operation), region, MALFORMED, message)

    def assume(self, role: Role) -> Access:
        """Return the access of an assumed role.

        Raises AwsError where STS refuses; AssumeRole runs in check mode too, since it changes nothing.
        """
        request: dict[str, Any] = {"RoleArn": role.role_arn, "RoleSessionName": role.session_name}
        if role.external_id is not None:
            request["ExternalId"] = role.external_id
        credentials = self.ask("sts", self.region, "AssumeRole", _issued, **request)
        if isinstance(credentials, ReadError):
            step = ROLE_STEP if "Denied" in credentials.code else next_step(credentials)
            raise AwsError(
                f"Cannot assume the role {role.role_arn} ({credentials.code}: {credentials.message}). {step}"
            )
        return Access(self._session, credentials, region=self.region, settings=self._settings, lock=self._lock)


def _issued(answer: dict[str, Any]) -> Credentials:
    """The temporary credentials of an AssumeRole."""
    issued = answer["Credentials"]
    return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def _without_retries(settings: dict[str, Any]) -> dict[str, Any]:
    once = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 1})
    return {**settings, "config": settings["config"].merge(once)}


def read_error(service: str, operation: str, region: str, error: ClientError | BotoCoreError) -> ReadError:
    """Turn botocore's exception into the fact that a read failed.

    The code is AWS's error code, or the name of botocore's exception where no answer came.
    """
    if isinstance(error, ClientError):
        detail: Any = error.response.get("Error", {})
        code, message = str(detail.get("Code", "Unknown")), str(detail.get("Message", error))
    else:
        code, message = type(error).__name__, str(error)
    return ReadError(service, operation, iam_action(service, operation), region, code, message)


def connect(region: str | None, endpoint_url: str | None, connection: Mapping[str, Any], concurrency: int) -> Access:
    """Return the access of the module's own credentials.

    The first three are what amazon.aws's `get_aws_connection_info` returns; `concurrency` sizes the
    connection pools. Raises AwsError where there is no region, or where TLS is not to be verified.
    """
    if connection.get("verify") is False:
        raise AwsError(
            "validate_certs=false is refused: whoever sits between could forge the evidence. "
            "For a private certificate authority set aws_ca_bundle."
        )
    if not region:
        raise AwsError("No region: set the option region, AWS_REGION, or the region of the profile.")
    session = botocore.session.Session(profile=connection.get("profile_name"))
    settings = {
        "endpoint_url": endpoint_url,
        "verify": connection.get("verify") if isinstance(connection.get("verify"), str) else None,
        "config": _client_config(connection.get("aws_config"), concurrency),
    }
    credentials = Credentials(
        connection.get("aws_access_key_id"),
        connection.get("aws_secret_access_key"),
        connection.get("aws_session_token"),
    )
    lock = threading.Lock()
    return Access(session, credentials, region=region, settings=settings, lock=lock)


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
