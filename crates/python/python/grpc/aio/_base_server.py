"""The abstract classes of servers in grpc.aio."""

import abc

from typing import Generic

from grpc.aio._typing import RequestType, ResponseType


class Server(abc.ABC):
    """Serves calls on an event loop."""

    @abc.abstractmethod
    def add_generic_rpc_handlers(self, generic_rpc_handlers):
        """Adds GenericRpcHandlers; before `start`."""

    def add_registered_method_handlers(self, service_name, method_handlers):
        """Adds a service's handlers by method name; before `start`."""

    @abc.abstractmethod
    def add_insecure_port(self, address):
        """Listens on an address; returns the port. RuntimeError if that cannot be."""

    @abc.abstractmethod
    def add_secure_port(self, address, server_credentials):
        """As `add_insecure_port`, with ServerCredentials."""

    @abc.abstractmethod
    async def start(self):
        """Begins to serve."""

    @abc.abstractmethod
    async def stop(self, grace):
        """Refuses new calls and returns when the running ones have ended.

        Args:
            grace: seconds that running calls may go on; None cancels them at once.
        """

    @abc.abstractmethod
    async def wait_for_termination(self, timeout=None):
        """Waits until the server has stopped. True if `timeout` seconds came first."""


class ServicerContext(Generic[RequestType, ResponseType], abc.ABC):
    """A call as its handler sees it."""

    @abc.abstractmethod
    async def read(self):
        """The next request of a stream, or EOF."""

    @abc.abstractmethod
    async def write(self, message):
        """Sends a response of a stream."""

    @abc.abstractmethod
    async def send_initial_metadata(self, initial_metadata):
        """Sends the initial metadata now. At most once."""

    @abc.abstractmethod
    async def abort(self, code, details="", trailing_metadata=()):
        """Ends the call with a status that is not OK, by raising AbortError."""

    @abc.abstractmethod
    async def abort_with_status(self, status):
        """As `abort`, with a grpc.Status."""

    @abc.abstractmethod
    def set_trailing_metadata(self, trailing_metadata):
        """Sets the metadata that goes out with the status."""

    @abc.abstractmethod
    def invocation_metadata(self):
        """The metadata the client sent."""

    @abc.abstractmethod
    def set_code(self, code):
        """Sets the status code the call will end with."""

    @abc.abstractmethod
    def set_details(self, details):
        """Sets the status message the call will end with."""

    @abc.abstractmethod
    def set_compression(self, compression):
        """Sets the compression of the responses."""

    @abc.abstractmethod
    def disable_next_message_compression(self):
        """Sends the next response uncompressed."""

    @abc.abstractmethod
    def peer(self):
        """The client's address."""

    @abc.abstractmethod
    def peer_identities(self):
        """The identities the client proved, or None."""

    @abc.abstractmethod
    def peer_identity_key(self):
        """The auth property that holds the identities, or None."""

    @abc.abstractmethod
    def auth_context(self):
        """The auth properties of the connection."""

    def time_remaining(self):
        """Seconds left until the deadline, or None."""
        raise NotImplementedError()

    def trailing_metadata(self):
        """The trailing metadata set so far."""
        raise NotImplementedError()

    def code(self):
        """The status code set so far."""
        raise NotImplementedError()

    def details(self):
        """The status message set so far."""
        raise NotImplementedError()

    def add_done_callback(self, callback):
        """Has `callback(context)` called at the end."""
        raise NotImplementedError()

    def cancelled(self):
        """True if the call was cancelled."""
        raise NotImplementedError()

    def done(self):
        """True if the call has ended."""
        raise NotImplementedError()
