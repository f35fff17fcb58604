"""The exceptions of grpc.aio and the mark of a stream's end."""


class BaseError(Exception):
    """Base of the errors that grpc.aio itself raises."""


class UsageError(BaseError):
    """The API was used in a way it is not meant for."""


class AbortError(BaseError):
    """Raised by `ServicerContext.abort` to leave the handler. Not to be swallowed."""


class InternalError(BaseError):
    """Something went wrong inside."""


class _EOF:
    """The type of `EOF`."""

    def __bool__(self):
        return False

    def __len__(self):
        return 0

    def __repr__(self):
        return "<grpc.aio.EOF>"


#: What `read` returns after the last message.
EOF = _EOF()


def init_grpc_aio():
    """Kept for compatibility: there is nothing to set up."""


def shutdown_grpc_aio():
    """Kept for compatibility: there is nothing to tear down."""
