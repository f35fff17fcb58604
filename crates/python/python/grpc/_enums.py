"""The enumerations of the gRPC API: status codes, channel states, compression."""

import enum


@enum.unique
class ChannelConnectivity(enum.Enum):
    """The states a channel goes through (grpc `connectivity-semantics-and-api.md`)."""

    IDLE = (0, "idle")
    CONNECTING = (1, "connecting")
    READY = (2, "ready")
    TRANSIENT_FAILURE = (3, "transient failure")
    SHUTDOWN = (4, "shutdown")


@enum.unique
class StatusCode(enum.Enum):
    """The outcome of a call. The first item of the value is the number on the wire."""

    OK = (0, "ok")
    CANCELLED = (1, "cancelled")
    UNKNOWN = (2, "unknown")
    INVALID_ARGUMENT = (3, "invalid argument")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    NOT_FOUND = (5, "not found")
    ALREADY_EXISTS = (6, "already exists")
    PERMISSION_DENIED = (7, "permission denied")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    FAILED_PRECONDITION = (9, "failed precondition")
    ABORTED = (10, "aborted")
    OUT_OF_RANGE = (11, "out of range")
    UNIMPLEMENTED = (12, "unimplemented")
    INTERNAL = (13, "internal")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")
    UNAUTHENTICATED = (16, "unauthenticated")


@enum.unique
class Compression(enum.IntEnum):
    """How messages are compressed on their way."""

    NoCompression = 0
    Deflate = 1
    Gzip = 2


@enum.unique
class LocalConnectionType(enum.Enum):
    """The kinds of connection that local credentials are for."""

    UDS = 0
    LOCAL_TCP = 1


#: Status codes by their number on the wire.
STATUS_CODES = tuple(sorted(StatusCode, key=lambda code: code.value[0]))

#: Connectivity states by number.
CONNECTIVITY_STATES = tuple(ChannelConnectivity)


def status_code(number):
    """The status code of a wire number; what is not known is UNKNOWN."""
    if 0 <= number < len(STATUS_CODES):
        return STATUS_CODES[number]
    return StatusCode.UNKNOWN
