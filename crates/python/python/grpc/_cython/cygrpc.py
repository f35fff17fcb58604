"""Names of grpcio's compiled module that programs use."""

import enum

from grpc._common import encode  # noqa: F401
from grpc._credentials import CompositeChannel as CompositeChannelCredentials
from grpc._enums import STATUS_CODES, ChannelConnectivity, Compression  # noqa: F401
from grpc._metadatum import _Metadatum  # noqa: F401
from grpc.aio._errors import EOF, AbortError, BaseError, InternalError, UsageError, init_grpc_aio, shutdown_grpc_aio

__all__ = (
    "EOF",
    "AbortError",
    "BaseError",
    "ChannelArgKey",
    "CompositeChannelCredentials",
    "CompressionAlgorithm",
    "CompressionLevel",
    "ConnectivityState",
    "InternalError",
    "MetadataPluginCallCredentials",
    "OperationType",
    "StatusCode",
    "UsageError",
    "init_grpc_aio",
    "shutdown_grpc_aio",
)


class ChannelArgKey:
    """The names of options."""

    enable_census = b"grpc.census"
    max_concurrent_streams = b"grpc.max_concurrent_streams"
    max_receive_message_length = b"grpc.max_receive_message_length"
    max_send_message_length = b"grpc.max_send_message_length"
    http2_initial_sequence_number = b"grpc.http2.initial_sequence_number"
    default_authority = b"grpc.default_authority"
    primary_user_agent_string = b"grpc.primary_user_agent"
    secondary_user_agent_string = b"grpc.secondary_user_agent"
    ssl_session_cache = b"grpc.ssl_session_cache"
    ssl_target_name_override = b"grpc.ssl_target_name_override"


class CompressionAlgorithm:
    """The numbers of `grpc.Compression`."""

    none = 0
    deflate = 1
    gzip = 2


class CompressionLevel:
    """The values of the option `grpc.default_compression_level`."""

    none = 0
    low = 1
    medium = 2
    high = 3


class ConnectivityState:
    """The numbers of `grpc.ChannelConnectivity`."""

    idle = 0
    connecting = 1
    ready = 2
    transient_failure = 3
    shutdown = 4


class OperationType(enum.IntEnum):
    """The parts of a call."""

    send_initial_metadata = 0
    send_message = 1
    send_close_from_client = 2
    send_status_from_server = 3
    receive_initial_metadata = 4
    receive_message = 5
    receive_status_on_client = 6
    receive_close_on_server = 7


#: The numbers on the wire of `grpc.StatusCode`, by names in lower case.
StatusCode = enum.IntEnum("StatusCode", {code.name.lower(): number for number, code in enumerate(STATUS_CODES)})


class _Plugin:
    """What holds a program's AuthMetadataPlugin."""

    def __init__(self, metadata_plugin):
        self._metadata_plugin = metadata_plugin


class MetadataPluginCallCredentials:
    """Call credentials, as `CompositeChannelCredentials._call_credentialses` lists them."""

    def __init__(self, metadata_plugin):
        self._metadata_plugin = _Plugin(metadata_plugin)
