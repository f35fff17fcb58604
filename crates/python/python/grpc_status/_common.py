"""What the modules for `grpc` and for `grpc.aio` share."""

import grpc
from google.rpc import status_pb2

# Where a call has its google.rpc.Status.
GRPC_DETAILS_METADATA_KEY = "grpc-status-details-bin"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def code_to_grpc_status_code(code):
    """The grpc.StatusCode of a number.

    Raises:
        ValueError: gRPC has no such code.
    """
    try:
        return _CODES[code]
    except KeyError:
        raise ValueError(f"Invalid status code {code}") from None


def message_in(trailing_metadata, code, details):
    """The google.rpc.Status in a call's trailing metadata, or None; `code` and `details` are those of the call.

    Raises:
        ValueError: the message has another code or another text than the call.
    """
    values = (value for key, value in trailing_metadata or () if key == GRPC_DETAILS_METADATA_KEY)
    value = next(values, None)
    if value is None:
        return None
    message = status_pb2.Status.FromString(value)
    if message.code != code.value[0]:
        inside = code_to_grpc_status_code(message.code)
        raise ValueError(f"Code in Status proto ({inside}) doesn't match status code ({code})")
    if message.message != details:
        raise ValueError(f"Message in Status proto ({message.message}) doesn't match status details ({details})")
    return message
