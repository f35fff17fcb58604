"""APIs that grpcio calls experimental: calls without a channel, and what goes with them."""

from grpc._credentials import insecure_channel_credentials


class ChannelOptions:
    """Names of channel options of this package."""

    #: Responses of unary-stream calls are read by one thread only; the call is no Future.
    SingleThreadedUnaryStream = "SingleThreadedUnaryStream"


class UsageError(Exception):
    """An API was used in a way it is not meant for."""


class ExperimentalApiWarning(Warning):
    """An experimental API is in use."""


def wrap_server_method_handler(wrapper, handler):
    """An RpcMethodHandler whose behaviour is `wrapper(behaviour)`; None for None."""
    if not handler:
        return None
    for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
        behavior = getattr(handler, kind)
        if behavior:
            return handler._replace(**{kind: wrapper(behavior)})
    return None


def _lazily(name):
    # The channels kept by _simple_stubs are set up when one is first used, not when grpc is imported.
    def call(*args, **kwargs):
        from grpc import _simple_stubs

        return getattr(_simple_stubs, name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Calls a {name.replace('_', '-')} method without a channel; see grpc._simple_stubs.{name}."
    return call


unary_unary = _lazily("unary_unary")
unary_stream = _lazily("unary_stream")
stream_unary = _lazily("stream_unary")
stream_stream = _lazily("stream_stream")
del _lazily

__all__ = (
    "ChannelOptions",
    "ExperimentalApiWarning",
    "UsageError",
    "insecure_channel_credentials",
    "stream_stream",
    "stream_unary",
    "unary_stream",
    "unary_unary",
    "wrap_server_method_handler",
)
