"""Helpers of the beta API."""

import grpc
from grpc.beta import _client_adaptations
from grpc.beta import implementations  # noqa: F401
from grpc.beta import interfaces  # noqa: F401
from grpc.framework.foundation import callable_util  # noqa: F401
from grpc.framework.foundation import future  # noqa: F401


def channel_ready_future(channel):
    """A future.Future that is done when an implementations.Channel is READY."""
    return _client_adaptations.Future(grpc.channel_ready_future(channel))
