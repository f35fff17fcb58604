"""google.rpc.Status out of calls and into them. For calls of `grpc.aio` there is `aio.from_call`."""

import collections

import grpc

from grpc_status import _async as aio
from grpc_status._common import GRPC_DETAILS_METADATA_KEY, code_to_grpc_status_code, message_in


class _Status(collections.namedtuple("_Status", ("code", "details", "trailing_metadata")), grpc.Status):
    """What `ServicerContext.abort_with_status` takes."""


def from_call(call):
    """The google.rpc.Status that a call ended with, or None where it has none. Waits for the call's end.

    Args:
        call: a grpc.Call, such as a grpc.RpcError that a call raised.

    Raises:
        ValueError: the message's code or text is not that of the call.
    """
    return message_in(call.trailing_metadata(), call.code(), call.details())


def to_status(status):
    """A grpc.Status to abort a call with, from a google.rpc.Status.

    Raises:
        ValueError: gRPC has no such code.
    """
    return _Status(
        code=code_to_grpc_status_code(status.code),
        details=status.message,
        trailing_metadata=((GRPC_DETAILS_METADATA_KEY, status.SerializeToString()),),
    )


__all__ = ["from_call", "to_status", "aio"]
