# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every error that AWS or its SDK can answer our calls with has a next step of its own, and others have none."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import botocore.exceptions
import botocore.session
import pytest

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._model import ReadError, next_step
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._next_steps import STEPS
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._permissions import IAM_ACTIONS

# The page "Common Error Types" as the services share it, EC2's and S3's codes for calls of ours, and HTTP's own.
COMMON = """
AccessDeniedException ExpiredTokenException IncompleteSignature InternalFailure MalformedHttpRequestException
NotAuthorized OptInRequired RequestAbortedException RequestEntityTooLargeException RequestExpired
RequestTimeoutException ServiceUnavailable ThrottlingException UnrecognizedClientException UnknownOperationException
ValidationError ValidationException InvalidAction InvalidClientTokenId MissingAuthenticationToken MissingParameter
AuthFailure Blocked PendingVerification UnauthorizedOperation RequestLimitExceeded InternalError Unavailable
AccessDenied AccountProblem AllAccessDisabled AuthorizationHeaderMalformed ExpiredToken InvalidAccessKeyId
InvalidBucketName InvalidToken MethodNotAllowed NoSuchBucket NotSignedUp OperationAborted PermanentRedirect
RequestTimeTooSkewed RequestTimeout SignatureDoesNotMatch SlowDown TemporaryRedirect MalformedPolicy
301 400 403 404 500 503 InvalidSignatureException MalformedAnswerError
"""
# Those that only programs of their own can cause, by waiters, stubs and streams.
OF_PROGRAMS = {"BotoCoreError", "StubAssertionError", "StubResponseError", "UnStubbedResponseError"} | {
    "UnseekableStreamError",
    "WaiterConfigError",
    "WaiterError",
}


def modelled() -> Iterator[str]:
    session = botocore.session.get_session()
    for service, operation in IAM_ACTIONS:
        for shape in session.get_service_model(service).operation_model(operation).error_shapes:
            yield str(getattr(shape, "error_code", None) or shape.name)


def of_the_sdk() -> Iterator[str]:
    for name, each in inspect.getmembers(botocore.exceptions, inspect.isclass):
        if issubclass(each, botocore.exceptions.BotoCoreError) and name not in OF_PROGRAMS:
            yield name


def test_every_code_has_a_next_step() -> None:
    assert {*modelled(), *of_the_sdk(), *COMMON.split()} - STEPS.keys() == set()


def step(code: str, operation: str = "DescribeKey", service: str = "kms") -> str:
    return next_step(ReadError(service, operation, f"{service}:{operation}", "eu-south-1", code, "AWS's words"))


@pytest.mark.parametrize(
    ("code", "beginning"),
    [
        ("AccessDeniedException", "Allow the caller kms:DescribeKey."),
        ("UnauthorizedOperation", "Allow the caller kms:DescribeKey."),
        ("403", "Allow the caller kms:DescribeKey."),
        ("ThrottlingException", "AWS asks to slow down"),
        ("TooManyRequestsException", "AWS asks to slow down"),
        ("ExpiredTokenException", "The session of these credentials has ended"),
        ("UnauthorizedSSOTokenError", "The session of these credentials has ended"),
        ("InvalidToken", "Correct the access key, .* the Region eu-south-1 may not be enabled"),
        ("RegionDisabledException", "Enable the Region eu-south-1 for the account"),
        ("OptInRequired", "The account may not use the service in eu-south-1"),
        ("RequestTimeTooSkewed", "Set the clock of this machine"),
        ("ProfileNotFound", "Correct AWS_PROFILE "),
        ("RefreshWithMFAUnsupportedError", "The profile requires an MFA code"),
        ("ConfigParseError", "Correct the AWS configuration file"),
        ("ValidationError", "Correct the value that the message names"),
        ("EndpointConnectionError", "AWS cannot be reached"),
        ("MalformedAnswerError", "AWS cannot be reached, or its answer cannot be read"),
        ("NotFoundException", "It was deleted while being read: run again"),
        ("InternalError", "AWS could not answer: run again later"),
        ("KMSInternalException", "AWS could not answer: run again later"),
        ("LimitExceededException", "A quota of the account is reached"),
        ("NewException", "The code NewException is unknown to this collection: see AWS's message, .* of DescribeKey"),
        ("SomethingDenied", "The code SomethingDenied is unknown to this collection"),
    ],
)
def test_the_next_step_follows_from_what_went_wrong(code: str, beginning: str) -> None:
    assert re.match(beginning, step(code))


def test_a_role_that_sts_refuses_is_checked_from_both_sides() -> None:
    assert step("AccessDenied", "AssumeRole", "sts").startswith("Check that the role exists and its account is")
    assert step("TrailNotFoundException", "DescribeTrails", "cloudtrail") == "Correct the option trails."
    assert step("RegionDisabledException", "AssumeRole", "sts").startswith("Enable the Region")
