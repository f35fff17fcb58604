"""The lower layer: operations between two ends, each a name, metadata and any number of payloads both ways."""

import abc
import enum

from grpc.framework.foundation import abandonment  # noqa: F401


class NoSuchMethodError(Exception):
    """There is no such operation.

    Attributes:
        code: the code to tell the other end, or None.
        details: the text to tell the other end, or None.
    """

    def __init__(self, code, details):
        super().__init__()
        self.code = code
        self.details = details


class Outcome:
    """How an operation ended.

    Attributes:
        kind: a Kind.
        code, details: what the application had to say of it, or None.
    """

    @enum.unique
    class Kind(enum.Enum):
        """The ways in which operations end."""

        COMPLETED = "completed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"
        LOCAL_SHUTDOWN = "local shutdown"
        REMOTE_SHUTDOWN = "remote shutdown"
        RECEPTION_FAILURE = "reception failure"
        TRANSMISSION_FAILURE = "transmission failure"
        LOCAL_FAILURE = "local failure"
        REMOTE_FAILURE = "remote failure"


class Completion(abc.ABC):
    """What one end says last.

    Attributes:
        terminal_metadata: its metadata.
        code: its code.
        message: its text.
    """


class OperationContext(abc.ABC):
    """What an end knows of an operation, and does with it as a whole."""

    @abc.abstractmethod
    def outcome(self):
        """The Outcome; None while the operation goes on."""
        raise NotImplementedError()

    @abc.abstractmethod
    def add_termination_callback(self, callback):
        """Has `callback(outcome)` called at the end and returns None; if that has come, returns the Outcome instead."""
        raise NotImplementedError()

    @abc.abstractmethod
    def time_remaining(self):
        """Seconds until the operation expires; 0 after its end."""
        raise NotImplementedError()

    @abc.abstractmethod
    def cancel(self):
        """Ends the operation."""
        raise NotImplementedError()

    @abc.abstractmethod
    def fail(self, exception):
        """Ends the operation because of an exception, which may be None."""
        raise NotImplementedError()


class Operator(abc.ABC):
    """Where an end puts what it has to say."""

    @abc.abstractmethod
    def advance(self, initial_metadata=None, payload=None, completion=None, allowance=None):
        """Takes the operation a step further.

        Args:
            initial_metadata: once, before all else.
            payload: any number of times.
            completion: a Completion, once, after all else.
            allowance: how many more payloads the other end may send.
        """
        raise NotImplementedError()


class ProtocolReceiver(abc.ABC):
    """Is told what belongs to the protocol under the operation."""

    @abc.abstractmethod
    def context(self, protocol_context):
        """Takes the protocol's object for the operation."""
        raise NotImplementedError()


class Subscription(abc.ABC):
    """How much an end wants to hear.

    Attributes:
        kind: a Kind.
        termination_callback: for TERMINATION_ONLY: is called with the Outcome.
        allowance: but for FULL: is called with the number of payloads that may be sent.
        operator: for FULL: the Operator that takes what the other end says.
        protocol_receiver: for FULL: a ProtocolReceiver.
    """

    @enum.unique
    class Kind(enum.Enum):
        """Nothing, the end, or everything."""

        NONE = "none"
        TERMINATION_ONLY = "termination only"
        FULL = "full"


class Servicer(abc.ABC):
    """Serves operations."""

    @abc.abstractmethod
    def service(self, group, method, context, output_operator):
        """Serves one operation and returns a Subscription.

        Args:
            group, method: its name.
            context: its OperationContext.
            output_operator: the Operator for what is answered.

        Raises:
            NoSuchMethodError: the name is not known here.
            abandonment.Abandoned: the operation has ended and nobody waits.
        """
        raise NotImplementedError()


class End(abc.ABC):
    """One of the two ends."""

    @abc.abstractmethod
    def start(self):
        """Begins to serve."""
        raise NotImplementedError()

    @abc.abstractmethod
    def stop(self, grace):
        """Serves nothing new, and ends what goes on after `grace` seconds. Returns a threading.Event for its end."""
        raise NotImplementedError()

    @abc.abstractmethod
    def operate(
        self,
        group,
        method,
        subscription,
        timeout,
        initial_metadata=None,
        payload=None,
        completion=None,
        protocol_options=None,
    ):
        """Begins an operation and returns its OperationContext and Operator.

        Args:
            group, method: its name.
            subscription: how much of it is wanted here.
            timeout: its seconds.
            initial_metadata, payload, completion: as for `Operator.advance`.
            protocol_options: what the protocol under it understands.
        """
        raise NotImplementedError()

    @abc.abstractmethod
    def operation_stats(self):
        """How many operations ended in which way: a dictionary from Outcome.Kind."""
        raise NotImplementedError()

    @abc.abstractmethod
    def add_idle_action(self, action):
        """Has `action()` called when no operation goes on."""
        raise NotImplementedError()
