"""gRPC for asyncio: grpcio's grpc.aio on Carom's engine. Works with any event loop that has `add_reader`, uvloop too."""

from grpc.aio._base_call import (
    Call,
    RpcContext,
    StreamStreamCall,
    StreamUnaryCall,
    UnaryStreamCall,
    UnaryUnaryCall,
)
from grpc.aio._base_channel import (
    Channel,
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)
from grpc.aio._base_server import Server, ServicerContext
from grpc.aio._call import AioRpcError
from grpc.aio._channel import insecure_channel, secure_channel
from grpc.aio._errors import (
    EOF,
    AbortError,
    BaseError,
    InternalError,
    UsageError,
    init_grpc_aio,
    shutdown_grpc_aio,
)
from grpc.aio._interceptor import (
    ClientCallDetails,
    ClientInterceptor,
    InterceptedUnaryUnaryCall,
    ServerInterceptor,
    StreamStreamClientInterceptor,
    StreamUnaryClientInterceptor,
    UnaryStreamClientInterceptor,
    UnaryUnaryClientInterceptor,
)
from grpc.aio._metadata import Metadata
from grpc.aio._server import server
from grpc.aio._typing import ChannelArgumentType

__all__ = (
    "AioRpcError",
    "RpcContext",
    "Call",
    "UnaryUnaryCall",
    "UnaryStreamCall",
    "StreamUnaryCall",
    "StreamStreamCall",
    "init_grpc_aio",
    "shutdown_grpc_aio",
    "Channel",
    "UnaryUnaryMultiCallable",
    "UnaryStreamMultiCallable",
    "StreamUnaryMultiCallable",
    "StreamStreamMultiCallable",
    "ClientCallDetails",
    "ClientInterceptor",
    "UnaryStreamClientInterceptor",
    "UnaryUnaryClientInterceptor",
    "StreamUnaryClientInterceptor",
    "StreamStreamClientInterceptor",
    "InterceptedUnaryUnaryCall",
    "ServerInterceptor",
    "insecure_channel",
    "server",
    "Server",
    "ServicerContext",
    "EOF",
    "secure_channel",
    "AbortError",
    "BaseError",
    "UsageError",
    "InternalError",
    "Metadata",
)
