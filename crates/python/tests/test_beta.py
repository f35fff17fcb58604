"""The beta API: stubs, servers in both styles, and the interfaces under them."""

import threading
from concurrent import futures

import grpc
import pytest
from grpc.beta import implementations, interfaces, utilities
from grpc.framework.common import cardinality
from grpc.framework.foundation import callable_util, future, logging_pool, stream, stream_util
from grpc.framework.interfaces.face import face
from grpc.framework.interfaces.face import utilities as face_utilities

SERVICE = "test.Beta"
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


class Collect(stream.Consumer):
    """Collects requests; hands all of them on at their end."""

    def __init__(self, finish):
        self._finish = finish
        self._values = []

    def consume(self, value):
        self._values.append(value)

    def terminate(self):
        self._finish(self._values)

    def consume_and_terminate(self, value):
        self.consume(value)
        self.terminate()


def answer_all(consumer, values):
    for value in values:
        consumer.consume(value)
    consumer.terminate()


INLINE = {
    "unary_unary": lambda request, context: request,
    "unary_stream": lambda request, context: iter([request] * 2),
    "stream_unary": lambda requests, context: b"".join(requests),
    "stream_stream": lambda requests, context: (request for request in requests),
}
EVENT = {
    "unary_unary": lambda request, respond, context: respond(request),
    "unary_stream": lambda request, consumer, context: answer_all(consumer, [request] * 2),
    "stream_unary": lambda respond, context: Collect(lambda values: respond(b"".join(values))),
    "stream_stream": lambda consumer, context: Collect(lambda values: answer_all(consumer, values)),
}


def fail(request, context):
    context.initial_metadata(((b"first", b"1"),))
    context.terminal_metadata(((b"last", b"2"),))
    context.code(interfaces.StatusCode.UNIMPLEMENTED)
    context.details("not this " + context.protocol_context().peer()[:4])
    return request


@pytest.fixture
def channel():
    methods = {(SERVICE, kind + "_inline"): getattr(face_utilities, kind + "_inline")(INLINE[kind]) for kind in KINDS}
    methods.update(((SERVICE, kind + "_event"), getattr(face_utilities, kind + "_event")(EVENT[kind])) for kind in KINDS)
    methods[SERVICE, "fail"] = face_utilities.unary_unary_inline(fail)
    over = threading.Event()
    methods[SERVICE, "wait"] = face_utilities.unary_unary_inline(lambda request, context: over.wait(10) and request)
    methods[SERVICE, "shout"] = face_utilities.unary_unary_inline(lambda request, context: request.upper())
    methods[SERVICE, "heard"] = face_utilities.unary_unary_inline(
        lambda request, context: dict(context.invocation_metadata())[b"k"]
    )
    options = implementations.server_options(
        request_deserializers={(SERVICE, "shout"): bytes.decode}, response_serializers={(SERVICE, "shout"): str.encode}
    )
    with_server = implementations.server(methods, options=options)
    port = with_server.add_insecure_port("127.0.0.1:0")
    with with_server:
        yield implementations.insecure_channel("127.0.0.1", port)
        over.set()


@pytest.mark.parametrize("style", ["inline", "event"])
def test_the_four_kinds(channel, style):
    kinds = {f"{kind}_{style}": cardinality.Cardinality[kind.upper()] for kind in KINDS}
    with implementations.dynamic_stub(channel, SERVICE, kinds) as stub:
        assert getattr(stub, f"unary_unary_{style}")(b"x", 10) == b"x"
        assert list(getattr(stub, f"unary_stream_{style}")(b"x", 10)) == [b"x", b"x"]
        assert getattr(stub, f"stream_unary_{style}")(iter([b"a", b"b"]), 10) == b"ab"
        assert getattr(stub, f"stream_unary_{style}").future(iter([b"a", b"b"]), 10).result() == b"ab"
        assert list(getattr(stub, f"stream_stream_{style}")(iter([b"a", b"b"]), 10)) == [b"a", b"b"]
    with pytest.raises(AttributeError):
        stub.none


def test_a_failure_says_what_the_service_said(channel):
    stub = implementations.generic_stub(channel)
    with pytest.raises(face.LocalError) as failed:
        stub.blocking_unary_unary(SERVICE, "fail", b"", 10)
    error = failed.value
    assert (error.code, error.details) == (grpc.StatusCode.UNIMPLEMENTED, "not this ipv4")
    assert ("first", "1") in tuple(error.initial_metadata) and ("last", "2") in tuple(error.terminal_metadata)
    abortions = []
    told = threading.Event()
    call = stub.future_unary_unary(SERVICE, "fail", b"", 10)
    call.add_abortion_callback(lambda abortion: (abortions.append(abortion), told.set()))
    assert told.wait(10)
    assert abortions[0].kind is face.Abortion.Kind.LOCAL_FAILURE
    assert type(call.exception()) is face.LocalError and call.terminal_metadata() == ((b"last", b"2"),)


def test_time_is_limited(channel):
    stub = implementations.generic_stub(channel)
    with pytest.raises(face.ExpirationError):
        stub.blocking_unary_unary(SERVICE, "wait", b"", 0.05)
    call = stub.future_unary_unary(SERVICE, "wait", b"", 5)
    with pytest.raises(future.TimeoutError):
        call.result(timeout=0.01)
    assert call.cancel() and call.cancelled()
    with pytest.raises(future.CancelledError):
        call.result(timeout=5)


def test_serializers_metadata_and_the_call(channel):
    options = implementations.stub_options(
        request_serializers={(SERVICE, "shout"): str.encode},
        response_deserializers={(SERVICE, "shout"): bytes.decode},
        metadata_transformer=lambda metadata: (*metadata, (b"k", b"v")),
    )
    stub = implementations.generic_stub(channel, options=options)
    response, call = stub.unary_unary(SERVICE, "shout")("quiet", 10, with_call=True)
    assert (response, call.code()) == ("QUIET", grpc.StatusCode.OK)
    assert stub.unary_unary(SERVICE, "heard")(b"", 10) == b"v"
    with pytest.raises(NotImplementedError):
        stub.event_unary_unary(SERVICE, "shout", "", None, None, 10)


def test_readiness(channel):
    ready = utilities.channel_ready_future(channel)
    assert ready.result(10) is None and ready.done()
    never = utilities.channel_ready_future(implementations.insecure_channel("127.0.0.1", 1))
    with pytest.raises(future.TimeoutError):
        never.result(0.01)
    assert never.cancel() and never.cancelled()
    assert interfaces.ChannelConnectivity.FATAL_FAILURE is grpc.ChannelConnectivity.SHUTDOWN


def test_consumers_and_pools(caplog):
    out = stream_util.IterableConsumer()
    with logging_pool.pool(1) as pool:
        switching = stream_util.ThreadSwitchingConsumer(stream_util.TransformingConsumer(lambda x: x * 2, out), pool)
        for value in range(100):
            switching.consume(value)
        switching.consume_and_terminate(100)
        assert list(out) == [2 * value for value in range(101)]
        assert type(pool.submit(lambda: 1 // 0).exception()) is ZeroDivisionError
    outcome = callable_util.with_exceptions_logged(lambda: 1 // 0, "as expected")()
    assert outcome.kind is callable_util.Outcome.Kind.RAISED
    assert {"as expected"} < {record.getMessage() for record in caplog.records}
    assert isinstance(pool._backing_pool, futures.ThreadPoolExecutor)
