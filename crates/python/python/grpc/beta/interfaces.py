"""Constants and interfaces of the beta API."""

import abc

import grpc

ChannelConnectivity = grpc.ChannelConnectivity
# The name that programs of that time know SHUTDOWN by.
ChannelConnectivity.FATAL_FAILURE = ChannelConnectivity.SHUTDOWN

StatusCode = grpc.StatusCode

GRPCAuthMetadataContext = grpc.AuthMetadataContext
GRPCAuthMetadataPluginCallback = grpc.AuthMetadataPluginCallback
GRPCAuthMetadataPlugin = grpc.AuthMetadataPlugin


class GRPCCallOptions:
    """Options of a call. Made by `grpc_call_options`; opaque."""

    def __init__(self, disable_compression, subcall_of, credentials):
        self.disable_compression = disable_compression
        self.subcall_of = subcall_of
        self.credentials = credentials


def grpc_call_options(disable_compression=False, credentials=None):
    """GRPCCallOptions for the argument `protocol_options` of a call.

    Args:
        disable_compression: accepted for compatibility; requests of this API are not compressed.
        credentials: CallCredentials.
    """
    return GRPCCallOptions(disable_compression, None, credentials)


class GRPCServicerContext(abc.ABC):
    """What gRPC has for who serves a call: the `protocol_context()` of a face.ServicerContext."""

    @abc.abstractmethod
    def peer(self):
        """The client's address."""
        raise NotImplementedError()

    @abc.abstractmethod
    def disable_next_response_compression(self):
        """Has the next response sent uncompressed."""
        raise NotImplementedError()


class GRPCInvocationContext(abc.ABC):
    """What gRPC has for who makes a call: the `protocol_context()` of a face.Call."""

    @abc.abstractmethod
    def disable_next_request_compression(self):
        """Has the next request sent uncompressed."""
        raise NotImplementedError()


class Server(abc.ABC):
    """A server. Made by `implementations.server`."""

    @abc.abstractmethod
    def add_insecure_port(self, address):
        """Listens at an address without encryption; to be called before `start`. Returns the port."""
        raise NotImplementedError()

    @abc.abstractmethod
    def add_secure_port(self, address, server_credentials):
        """Listens at an address with ServerCredentials; to be called before `start`. Returns the port."""
        raise NotImplementedError()

    @abc.abstractmethod
    def start(self):
        """Begins to serve."""
        raise NotImplementedError()

    @abc.abstractmethod
    def stop(self, grace):
        """Serves nothing new, and ends what goes on after `grace` seconds. Returns a threading.Event for its end."""
        raise NotImplementedError()
