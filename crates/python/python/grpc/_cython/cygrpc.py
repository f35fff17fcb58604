"""Names of grpcio's compiled module that programs use."""

from grpc._common import encode  # noqa: F401
from grpc.aio._errors import EOF, AbortError, BaseError, InternalError, UsageError, init_grpc_aio, shutdown_grpc_aio
from grpc._enums import ChannelConnectivity, Compression, StatusCode  # noqa: F401

__all__ = ("EOF", "AbortError", "BaseError", "InternalError", "UsageError", "init_grpc_aio", "shutdown_grpc_aio")
