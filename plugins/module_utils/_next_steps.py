# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A read that failed, and what a person can do about it, by the code of the error of AWS or of its SDK.

Sources: the errors that botocore's service models list for the calls of this collection, the pages "Common errors" of
the services, EC2's and S3's "Error codes" and "Error responses", and botocore/exceptions.py, whose names end in Error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ReadError:
    """A read that AWS refused or that never arrived, and the IAM action it needs."""

    service: str
    operation: str
    iam_action: str
    region: str
    code: str
    message: str

    def __str__(self) -> str:
        """Return what was asked, and the answer."""
        return f"{self.operation} in {self.region} answered {self.code} ({self.message})"


@dataclass(frozen=True)
class LeftToOwnerError(ReadError):
    """A fact that is not read here: another account of the run owns the trail, and its row holds the fact."""


# How AWS words a denial that comes from a service control policy (IAM guide, "Troubleshoot access denied").
SCP_DENIAL = "explicit deny in a service control policy"
_DENIED = "Allow the caller {iam_action}."
_EXPIRED = "The session of these credentials has ended: sign in again, or get new credentials."
_REJECTED = (
    "Correct the access key, secret key and session token, or the profile. If they are right, the Region {region} may "
    "not be enabled for their account."
)
_CLOCK = "Set the clock of this machine: AWS accepts requests that are at most 15 minutes off."
_CLOSED = "Enable the Region {region} for the account, or leave it out with the option regions."
_UNSUBSCRIBED = (
    "The account may not use the service in {region}: enable the Region, finish signing up for the account, or "
    "leave the Region out with the option regions."
)
_SLOWER = "AWS asks to slow down: run again later, or with a lower concurrency."
_LATER = "AWS could not answer: run again later."
_VANISHED = "It was deleted while being read: run again."
_UNREACHED = (
    "AWS cannot be reached, or its answer cannot be read: check the name of the Region, endpoint_url, network, proxy "
    "and aws_ca_bundle."
)
# A playbook of this collection leaves the options that connect to AWS to the environment.
_PROFILE = (
    "Correct AWS_PROFILE (in your own playbook also the module's option profile, or module_defaults), or add the "
    "profile to the AWS configuration."
)
_MFA = (
    "The profile requires an MFA code, which nobody can enter here: sign in first, and use the session's credentials."
)
_CONFIGURATION = "Correct the AWS configuration file or the environment variable that it names."
_NO_CREDENTIALS = (
    "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (in your own playbook also the module's options "
    "profile, access_key and secret_key, or module_defaults)."
)
_SOURCE = "Correct what the credentials come from (profile, process, single sign-on or metadata service)."
_REGION = (
    "Correct AWS_REGION, or the region of the profile (in your own playbook also the module's option region, or "
    "module_defaults)."
)
_ENDPOINT = "Correct endpoint_url."
_VALUE = "Correct the value that the message names."
_OUTDATED = "Update boto3, or correct endpoint_url: {operation} is not known there."
_ACCOUNT = "Something is wrong with the AWS account itself: ask AWS Support."
_STATE = "Wait until the state of the key allows it, or change the state."
_ORGANIZATION = "In the organization's management account, do what the message asks for."
_OWNER = "Run with credentials of the management account, which owns the organization's trails."
_QUOTA = "A quota of the account is reached: delete what is not needed, or request a higher quota."
_PRINCIPALS = "KMS accepts only principals that exist. Correct or remove the one that is named above."
_CONFLICT = "Somebody else is changing the same resource: run again in some minutes."
_NOT_BY_US = "Correct this setting of the trail: it was not set by this collection."
_KEY_STORE = "Correct the custom key store, or create a key with key material from KMS."

# DescribeTrails names no trail here, so that only a requested one can be absent from its answer.
_NO_SUCH_TRAIL = "Correct the option trails."

_OURS = "This is a fault of the collection aws_baseline.cloudtrail: report it with this message."

_CODES_BY_STEP: Mapping[str, tuple[str, ...]] = {
    _DENIED: (
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "UnauthorizedAccess"),
        *("403", "Forbidden", "MethodNotAllowed", "OperationNotPermittedException", "LoginInsufficientPermissions"),
        "AccountNotRegisteredException",
    ),
    _EXPIRED: (
        *("ExpiredToken", "ExpiredTokenException", "TokenRetrievalError", "SSOError", "SSOTokenLoadError"),
        *("UnauthorizedSSOTokenError", "NoAuthTokenError", "LoginError", "LoginRefreshRequired", "LoginTokenLoadError"),
        "LoginAuthorizationCodeError",
    ),
    _REJECTED: (
        *("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
        *("InvalidSignatureException", "AuthFailure", "IncompleteSignature", "IncompleteSignatureException"),
        *("MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidToken"),
        *("AuthorizationHeaderMalformed", "CloudTrailInvalidClientTokenIdException", "400", "Blocked"),
    ),
    _CLOCK: ("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"),
    _CLOSED: ("RegionDisabledException", "RegionNotEnabled"),
    _UNSUBSCRIBED: ("OptInRequired", "SubscriptionRequiredException", "NotSignedUp", "PendingVerification"),
    _SLOWER: (
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "EC2ThrottledException"),
        *("BandwidthLimitExceeded", "ProvisionedThroughputExceededException", "CapacityNotAvailableError"),
    ),
    _LATER: (
        *("InternalFailure", "InternalError", "InternalServerError", "InternalServiceError"),
        *("InternalServiceException", "ServiceUnavailable", "ServiceUnavailableException", "ServiceException"),
        *("ServiceFailure", "ServerException", "Unavailable", "KMSInternalException"),
        *("DependencyTimeoutException", "KmsException", "RequestTimeout", "PriorRequestNotComplete"),
        *("RequestTimeoutException", "RequestAbortedException", "TransactionInProgressException", "500", "502"),
        *("503", "504", "CloudWatchLogsDeliveryUnavailableException"),
    ),
    _CONFLICT: ("ConflictException", "ConcurrentModificationException", "OperationAborted", "409"),
    _VANISHED: (
        *("NotFoundException", "ResourceNotFoundException", "TrailNotFoundException", "NoSuchBucket", "404"),
        *("NoSuchKey", "NoSuchEntity", "ParentNotFoundException", "ChildNotFoundException", "TargetNotFoundException"),
        *("EventDataStoreNotFoundException", "InactiveEventDataStoreException"),
    ),
    _UNREACHED: (
        *("ConnectionError", "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "SSLError"),
        *("ConnectionClosedError", "ProxyConnectionError", "HTTPClientError", "IncompleteReadError"),
        *("ResponseStreamingError", "AwsChunkedWrapperError", "MalformedAnswerError", "ResponseParserError"),
        *("ChecksumError", "FlexibleChecksumError", "PermanentRedirect", "TemporaryRedirect", "301", "307"),
    ),
    _PROFILE: ("ProfileNotFound",),
    _MFA: ("RefreshWithMFAUnsupportedError",),
    _CONFIGURATION: (
        *("ConfigNotFound", "ConfigParseError", "InvalidConfigError", "InfiniteLoopConfigError", "InvalidDefaultsMode"),
        *("InvalidMaxRetryAttemptsError", "InvalidRetryConfigurationError", "InvalidRetryModeError"),
        *("InvalidProxiesConfigError", "InvalidS3AddressingStyleError", "InvalidS3UsEast1RegionalEndpointConfigError"),
        *("InvalidSTSRegionalEndpointsConfigError", "InvalidIMDSEndpointError", "InvalidIMDSEndpointModeError"),
        *("InvalidChecksumConfigError", "InvalidEndpointDiscoveryConfigurationError", "MissingDependencyException"),
        *("UnsupportedS3ConfigurationError", "UnsupportedS3ArnError", "UnsupportedS3AccesspointConfigurationError"),
        *("UnsupportedS3ControlArnError", "UnsupportedS3ControlConfigurationError", "UnsupportedOutpostResourceError"),
    ),
    _NO_CREDENTIALS: ("NoCredentialsError", "PartialCredentialsError"),
    _SOURCE: (
        *("CredentialRetrievalError", "MetadataRetrievalError", "UnknownCredentialError"),
        *("UnknownTokenProviderError",),
    ),
    _REGION: (
        *("NoRegionError", "InvalidRegionError", "UnknownRegionError", "ServiceNotInRegionError"),
        *("EndpointVariantError", "EndpointResolutionError", "EndpointProviderError"),
        *("BaseEndpointResolverError", "UnknownEndpointError", "UnknownFIPSEndpointError"),
        *("UnsupportedAPIEndpointException", "UnknownEndpointResolutionBuiltInName"),
    ),
    _ENDPOINT: ("InvalidEndpointConfigurationError", "InvalidHostLabelError", "InvalidDNSNameError"),
    _VALUE: (
        *("ValidationError", "ValidationException", "ParamValidationError", "MissingParametersError"),
        *("RangeError", "InvalidParameter", "InvalidParameterValue", "InvalidParameterException"),
        *("InvalidParameterCombination", "InvalidParameterCombinationException", "MissingParameter"),
        *("InvalidQueryParameter", "InvalidRequest", "InvalidInputException", "InvalidArnException"),
        *("InvalidAliasNameException", "InvalidTrailNameException", "CloudTrailARNInvalidException"),
        *("InvalidBucketName", "InvalidS3BucketNameException", "TagException", "InvalidS3PrefixException"),
        *("InvalidTagParameterException", "InvalidKmsKeyIdException", "ChannelARNInvalidException"),
        *("EventDataStoreARNInvalidException", "ResourceTypeNotSupportedException", "MalformedPolicyDocument"),
        *("PackedPolicyTooLarge", "MalformedPolicy", "TrailNotProvidedException", "UnknownParameterError"),
        *("InvalidExpressionError", "AliasConflictParameterError", "InvalidHomeRegionException"),
        *("S3BucketDoesNotExistException", "KmsKeyNotFoundException", "MalformedQueryString"),
        *("AlreadyExistsException", "TrailAlreadyExistsException", "RequestEntityTooLargeException"),
        *("InvalidLookupAttributesException", "InvalidTimeRangeException", "InvalidEventCategoryException"),
        *("InvalidMaxResultsException", "MalformedHttpRequestException", "InvalidInput", "PolicyEvaluation"),
    ),
    _OUTDATED: (
        *("InvalidAction", "UnknownOperationException", "UnknownOperation", "UnsupportedOperation"),
        *("NotImplemented", "UnsupportedOperationException", "UnknownServiceError", "UnknownServiceStyle"),
        *("DataNotFoundError", "ApiVersionNotFoundError", "UnknownClientMethodError"),
        *("UnsupportedServiceProtocolsError", "MD5UnavailableError", "UnknownSignatureVersionError"),
        *("UnsupportedSignatureVersionError", "InvalidMarkerException", "InvalidNextTokenException"),
        *("InvalidTokenException", "OperationNotPageableError", "PaginationError", "501", "UnknownKeyError"),
    ),
    _ACCOUNT: ("AccountProblem", "AllAccessDisabled", "InvalidPayer", "InvalidObjectState"),
    _STATE: ("KMSInvalidStateException", "DisabledException", "KmsKeyDisabledException"),
    _ORGANIZATION: (
        *("CloudTrailAccessNotEnabledException", "InsufficientDependencyServiceAccessPermissionException"),
        *("NoManagementAccountSLRExistsException", "OrganizationNotInAllFeaturesModeException"),
        *("OrganizationsNotInUseException", "ConstraintViolationException"),
    ),
    _OURS: ("UnexpectedError",),
    _OWNER: ("NotOrganizationMasterAccountException",),
    _QUOTA: ("LimitExceededException", "MaximumNumberOfTrailsExceededException", "TagsLimitExceededException"),
    _PRINCIPALS: ("MalformedPolicyDocumentException",),
    _NOT_BY_US: (
        *("InsufficientSnsTopicPolicyException", "InvalidSnsTopicNameException", "InvalidEventSelectorsException"),
        *("InvalidCloudWatchLogsLogGroupArnException", "InvalidCloudWatchLogsRoleArnException"),
    ),
    "Allow CloudTrail in the bucket policy and the key policy what the findings of the trail name.": (
        *("InsufficientEncryptionPolicyException", "InsufficientS3BucketPolicyException"),
    ),
    _KEY_STORE: (
        *("CloudHsmClusterInvalidConfigurationException", "CustomKeyStoreInvalidStateException"),
        *("CustomKeyStoreNotFoundException", "XksKeyAlreadyInUseException", "XksKeyInvalidConfigurationException"),
        "XksKeyNotFoundException",
    ),
    (
        "The account of the credentials is in no organization: use those of the management account or a delegated "
        "administrator."
    ): ("AWSOrganizationsNotInUseException",),
    "Correct the account id: there is no such account in the organization of the credentials.": (
        "AccountNotFoundException",
    ),
    "KMS shows it once the deletion of the key is cancelled.": ("PendingDeletion",),  # said by the plan, not by AWS
    "Read the account with credentials of its own partition.": ("OtherPartition",),  # said before STS is asked
    # Said before AWS is asked.
    "Sweep that account as well, or let key_assume_role or bucket_assume_role name a role in it.": ("NotAsked",),
    "Give the keys that are in use an alias.": ("TooManyKeys",),
    "Audit fewer Regions at a time with proof.": ("TooManyEvents",),
    "Find out who writes other objects to the folders of the logs, or set proof to events.": ("TooManyObjects",),
}
_RUN_AGAIN = frozenset((_SLOWER, _LATER, _CONFLICT, _VANISHED))
_PASSING = _RUN_AGAIN | {_UNREACHED}
STEPS: Mapping[str, str] = {code: step for step, codes in _CODES_BY_STEP.items() for code in codes}
# STS does not say which of these it is, so that nobody can probe for roles.
_ROLE = (
    "Check that the role exists and its account is the one you mean, that its trust policy names the caller and the "
    "external id, and that the caller is allowed sts:AssumeRole."
)


def is_transient(code: str) -> bool:
    """Return whether the same read may succeed later; what was read a moment ago and is not found may show again."""
    return STEPS.get(code) in _PASSING


def asks_to_run_again(code: str) -> bool:
    """Return whether the next step is to run again."""
    return STEPS.get(code) in _RUN_AGAIN


def is_denied(code: str) -> bool:
    """Return whether it is a permission that is lacking."""
    return STEPS.get(code) == _DENIED


def closes_region(error: ReadError) -> bool:
    """Return whether a service control policy closes the Region, so that its trails cannot be listed."""
    return error.operation == "DescribeTrails" and SCP_DENIAL in error.message


def next_step(error: ReadError) -> str:
    """Return what a person can do about a read that failed.

    A code that the table does not hold is said not to be known: a guess would send people the wrong way.
    """
    if error.operation == "AssumeRole" and is_denied(error.code):
        return _ROLE
    if (error.operation, error.code) == ("DescribeTrails", "TrailNotFoundException"):
        return _NO_SUCH_TRAIL
    known = STEPS.get(error.code)
    if known is None:
        return (
            f"The code {error.code} is unknown to this collection: see AWS's message, and the documentation of "
            f"{error.operation}."
        )
    return known.format(iam_action=error.iam_action, region=error.region, operation=error.operation)
