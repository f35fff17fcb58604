"""Calls without a channel in the program's hands: channels are kept by target and options, and closed when unused."""

import atexit
import os
import threading
import time

from grpc import _channel
from grpc import _credentials

_EVICTION_SECONDS = float(os.environ.get("GRPC_PYTHON_MANAGED_CHANNEL_EVICTION_SECONDS", 600))
_MAXIMUM_CHANNELS = int(os.environ.get("GRPC_PYTHON_MANAGED_CHANNEL_MAXIMUM", 256))
_DEFAULT_TIMEOUT = float(os.environ.get("GRPC_PYTHON_DEFAULT_TIMEOUT_SECONDS", 60.0))


class _Channels:
    """The channels in use, the longest unused first."""

    def __init__(self):
        self._lock = threading.Lock()
        self._channels = {}
        self._default_credentials = None
        atexit.register(self.close)

    def get(self, target, options, credentials, insecure, compression):
        if insecure and credentials is not None:
            raise ValueError(
                "The insecure option is mutually exclusive with the channel_credentials option. Please use one or the "
                "other."
            )
        now = time.monotonic()
        with self._lock:
            if not insecure and credentials is None:
                if self._default_credentials is None:
                    self._default_credentials = _credentials.ssl_channel_credentials()
                credentials = self._default_credentials
            key = (target, tuple(options), credentials, compression)
            channel, _ = self._channels.pop(key, (None, 0))
            if channel is None:
                if insecure:
                    credentials = _credentials.insecure_channel_credentials()
                channel = _channel.Channel(target, options, credentials, compression)
            self._channels[key] = (channel, now)
            for old, (unused, used) in list(self._channels.items()):
                if len(self._channels) <= _MAXIMUM_CHANNELS and now - used < _EVICTION_SECONDS:
                    break
                del self._channels[old]
                unused.close()
        return channel

    def close(self):
        with self._lock:
            channels, self._channels = self._channels, {}
        for channel, _ in channels.values():
            channel.close()


_CHANNELS = _Channels()


def _call(kind, request, target, method, serializer, deserializer, setup, call_options):
    options, channel_credentials, insecure, call_credentials, compression, registered = setup
    wait_for_ready, timeout, metadata = call_options
    channel = _CHANNELS.get(target, options, channel_credentials, insecure, compression)
    callable_ = getattr(channel, kind)(method, serializer, deserializer, _registered_method=registered)
    return callable_(
        request,
        metadata=metadata,
        wait_for_ready=True if wait_for_ready is None else wait_for_ready,
        credentials=call_credentials,
        timeout=timeout,
    )


def unary_unary(
    request,
    target,
    method,
    request_serializer=None,
    response_deserializer=None,
    options=(),
    channel_credentials=None,
    insecure=False,
    call_credentials=None,
    compression=None,
    wait_for_ready=None,
    timeout=_DEFAULT_TIMEOUT,
    metadata=None,
    _registered_method=False,
):
    """Calls a method with one request and one response, on a channel kept for the target.

    Args:
        request: the request message.
        target: the server's address.
        method: the full method name.
        request_serializer, response_deserializer: as for `Channel.unary_unary`.
        options, channel_credentials, compression: as for `secure_channel`; no credentials means TLS with the default
            roots.
        insecure: True for a channel without encryption.
        call_credentials, wait_for_ready, timeout, metadata: as for a UnaryUnaryMultiCallable; by default the call
            waits for a connection, at most 60 seconds.
    """
    setup = (options, channel_credentials, insecure, call_credentials, compression, _registered_method)
    call_options = (wait_for_ready, timeout, metadata)
    return _call(
        "unary_unary", request, target, method, request_serializer, response_deserializer, setup, call_options
    )


def unary_stream(
    request,
    target,
    method,
    request_serializer=None,
    response_deserializer=None,
    options=(),
    channel_credentials=None,
    insecure=False,
    call_credentials=None,
    compression=None,
    wait_for_ready=None,
    timeout=_DEFAULT_TIMEOUT,
    metadata=None,
    _registered_method=False,
):
    """As `unary_unary`; returns an iterator of responses."""
    setup = (options, channel_credentials, insecure, call_credentials, compression, _registered_method)
    call_options = (wait_for_ready, timeout, metadata)
    return _call(
        "unary_stream", request, target, method, request_serializer, response_deserializer, setup, call_options
    )


def stream_unary(
    request_iterator,
    target,
    method,
    request_serializer=None,
    response_deserializer=None,
    options=(),
    channel_credentials=None,
    insecure=False,
    call_credentials=None,
    compression=None,
    wait_for_ready=None,
    timeout=_DEFAULT_TIMEOUT,
    metadata=None,
    _registered_method=False,
):
    """As `unary_unary`, with an iterator of requests."""
    setup = (options, channel_credentials, insecure, call_credentials, compression, _registered_method)
    call_options = (wait_for_ready, timeout, metadata)
    return _call(
        "stream_unary",
        request_iterator,
        target,
        method,
        request_serializer,
        response_deserializer,
        setup,
        call_options,
    )


def stream_stream(
    request_iterator,
    target,
    method,
    request_serializer=None,
    response_deserializer=None,
    options=(),
    channel_credentials=None,
    insecure=False,
    call_credentials=None,
    compression=None,
    wait_for_ready=None,
    timeout=_DEFAULT_TIMEOUT,
    metadata=None,
    _registered_method=False,
):
    """As `unary_stream`, with an iterator of requests."""
    setup = (options, channel_credentials, insecure, call_credentials, compression, _registered_method)
    call_options = (wait_for_ready, timeout, metadata)
    return _call(
        "stream_stream",
        request_iterator,
        target,
        method,
        request_serializer,
        response_deserializer,
        setup,
        call_options,
    )
