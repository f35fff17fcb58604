"""`grpc_status.rpc_status.aio`: google.rpc.Status out of calls of `grpc.aio`."""

from grpc_status._common import message_in


async def from_call(call):
    """The google.rpc.Status that a call ended with, or None where it has none. Waits for the call's end.

    Args:
        call: a grpc.aio.Call.

    Raises:
        ValueError: the message's code or text is not that of the call.
    """
    return message_in(await call.trailing_metadata(), await call.code(), await call.details())


__all__ = ["from_call"]
