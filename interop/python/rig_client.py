"""The client of the crosswise rig. Uses only grpc's public API, so it runs on grpcio and on Carom.

    python rig_client.py PORT [--tls FOLDER [--mtls]] [--only NAME]

Prints a line for each case, `ok NAME` or `FAILED NAME: reason`; the exit code is 1 where one failed.
"""
import argparse
import queue
import sys
import threading
import time
import traceback

import grpc

import rig_pb2
import rig_pb2_grpc

# Every call is bounded; only a broken peer gets near this.
PATIENCE_SECONDS = 20
DEFAULT_RECEIVE_LIMIT = 4 * 1024 * 1024
DETAILS = "100 % schlägt fehl: é, \u6f22\u5b57, tab\tand 25%25"

CASES = []


def case(function):
    CASES.append(function)
    return function


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what} is {got!r}, not {wanted!r}")


def expect_error(call, *codes):
    """The RpcError that the call ends with; its code is one of those given."""
    try:
        answer = call()
    except grpc.RpcError as error:
        if error.code() not in codes:
            raise AssertionError(f"code is {error.code()} ({error.details()}), not one of {codes}") from error
        return error
    raise AssertionError(f"answered {str(answer)[:80]!r} instead of an error")


def payload(number=0, size=5):
    return rig_pb2.Payload(number=number, body=b"x" * size)


def expect_alive(stub):
    expect(stub.Echo(payload(7), timeout=PATIENCE_SECONDS), payload(7), "the call after it")


@case
def unary(channel, stub):
    for number in range(20):
        expect(stub.Echo(payload(number), timeout=PATIENCE_SECONDS), payload(number), "answer")
    expect(stub.Echo(rig_pb2.Payload(), timeout=PATIENCE_SECONDS), rig_pb2.Payload(), "answer to an empty message")


@case
def unary_futures(channel, stub):
    pending = [stub.Echo.future(payload(n), timeout=PATIENCE_SECONDS) for n in range(50)]
    for number, future in enumerate(pending):
        expect(future.result(), payload(number), "answer")


@case
def server_stream(channel, stub):
    request = rig_pb2.DownloadRequest(count=1000, size=100)
    numbers = [reply.number for reply in stub.Download(request, timeout=PATIENCE_SECONDS)]
    expect(numbers, list(range(1000)), "numbers")


@case
def client_stream(channel, stub):
    summary = stub.Upload((payload(n, 10) for n in range(500)), timeout=PATIENCE_SECONDS)
    expect((summary.count, summary.bytes), (500, 5000), "summary")
    expect(stub.Upload(iter(()), timeout=PATIENCE_SECONDS).count, 0, "count of nothing")


@case
def ping_pong(channel, stub):
    """One message there, one back: the next is sent only once the last has come."""
    outgoing = queue.Queue()
    call = stub.PingPong(iter(outgoing.get, None), timeout=PATIENCE_SECONDS)
    for number in range(100):
        outgoing.put(payload(number))
        expect(next(call).number, number, "number")
    outgoing.put(None)
    expect(list(call), [], "what follows the half-close")
    expect(call.code(), grpc.StatusCode.OK, "code")


@case
def metadata(channel, stub):
    sent = (("rig-text", "plain value"), ("rig-some-bin", bytes(range(256))), ("rig-some-bin", b""),
            ("rig-twice", "one"), ("rig-twice", "two"))
    answer, call = stub.Echo.with_call(payload(), metadata=sent, timeout=PATIENCE_SECONDS)
    for name, got in (("initial", call.initial_metadata()), ("trailing", call.trailing_metadata())):
        got = [(key, value) for key, value in got if key.startswith("rig-")]
        for key in ("rig-text", "rig-some-bin", "rig-twice"):
            expect([v for k, v in got if k == key], [v for k, v in sent if k == key], f"{name} metadata {key}")


@case
def error_status(channel, stub):
    sent = (("rig-trail-bin", b"\x00\xff"),)
    for code in grpc.StatusCode:
        if code is grpc.StatusCode.OK:
            continue
        request = rig_pb2.FailRequest(code=code.value[0], details=DETAILS)
        error = expect_error(lambda: stub.Fail(request, metadata=sent, timeout=PATIENCE_SECONDS), code)
        expect(error.details(), DETAILS, "details")
        expect(dict(error.trailing_metadata()).get("rig-trail-bin"), b"\x00\xff", "trailing metadata")


@case
def broken_handler(channel, stub):
    expect_error(lambda: stub.Break(payload(), timeout=PATIENCE_SECONDS),
                 grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
    expect_alive(stub)


@case
def deadline(channel, stub):
    token = rig_pb2.Token(token=f"deadline {time.time_ns()}")
    start = time.monotonic()
    error = expect_error(lambda: stub.Hang(token, timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)
    took = time.monotonic() - start
    if not 0.2 < took < 5:
        raise AssertionError(f"a deadline of 0.3 s took {took:.2f} s")
    if not error.details():
        raise AssertionError("no details")
    expect(stub.AwaitCancelled(token, timeout=PATIENCE_SECONDS).cancelled, True, "cancelled at the server")


@case
def cancellation(channel, stub):
    token = rig_pb2.Token(token=f"cancel {time.time_ns()}")
    future = stub.Hang.future(token, timeout=PATIENCE_SECONDS)
    # A call after it, so that the first one has reached the server.
    expect_alive(stub)
    expect(future.cancel(), True, "cancel()")
    expect(future.code(), grpc.StatusCode.CANCELLED, "code")
    call = stub.Download(rig_pb2.DownloadRequest(count=1_000_000, size=1000), timeout=PATIENCE_SECONDS)
    next(call)
    call.cancel()
    expect_error(lambda: list(call), grpc.StatusCode.CANCELLED)
    expect_alive(stub)


@case
def unimplemented(channel, stub):
    for path in ("/carom.interop.Rig/Nowhere", "/carom.interop.Nobody/Echo", "/carom.interop.rig/Echo"):
        call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        error = expect_error(lambda: call(b"", timeout=PATIENCE_SECONDS), grpc.StatusCode.UNIMPLEMENTED)
        if not error.details():
            raise AssertionError("no details")
    expect_alive(stub)


@case
def two_mebibytes(channel, stub):
    big = payload(1, 2 * 1024 * 1024)
    expect(stub.Echo(big, timeout=PATIENCE_SECONDS) == big, True, "the 2 MiB came back")
    replies = list(stub.Download(rig_pb2.DownloadRequest(count=5, size=2 * 1024 * 1024), timeout=PATIENCE_SECONDS))
    expect([len(reply.body) for reply in replies], [2 * 1024 * 1024] * 5, "sizes")


@case
def request_over_limit(channel, stub):
    """The server refuses that one call; a stream on the same connection goes on."""
    outgoing = queue.Queue()
    stream = stub.PingPong(iter(outgoing.get, None), timeout=PATIENCE_SECONDS)
    outgoing.put(payload(1))
    expect(next(stream).number, 1, "number before")
    expect_error(lambda: stub.Echo(payload(0, DEFAULT_RECEIVE_LIMIT + 1), timeout=PATIENCE_SECONDS),
                 grpc.StatusCode.RESOURCE_EXHAUSTED)
    outgoing.put(payload(2))
    expect(next(stream).number, 2, "number after")
    outgoing.put(None)
    expect(list(stream), [], "what follows the half-close")


@case
def reply_over_limit(channel, stub):
    request = rig_pb2.DownloadRequest(count=1, size=DEFAULT_RECEIVE_LIMIT + 1)
    expect_error(lambda: list(stub.Download(request, timeout=PATIENCE_SECONDS)),
                 grpc.StatusCode.RESOURCE_EXHAUSTED)
    expect_alive(stub)


@case
def gzip(channel, stub):
    squeezed = payload(3, 100_000)
    answer = stub.Echo(squeezed, compression=grpc.Compression.Gzip, timeout=PATIENCE_SECONDS)
    expect(answer == squeezed, True, "the compressed message came back")


@case
def threads(channel, stub):
    """Sixteen threads on one channel."""
    failures = []

    def work(first):
        try:
            for number in range(first, first + 20):
                expect(stub.Echo(payload(number), timeout=PATIENCE_SECONDS), payload(number), "answer")
        except Exception as error:  # noqa: BLE001 - told to the main thread, which raises it
            failures.append(error)

    workers = [threading.Thread(target=work, args=(n * 1000,)) for n in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]


def read(folder, name):
    with open(f"{folder}/{name}", "rb") as file:
        return file.read()


def open_channel(arguments):
    if not arguments.tls:
        return grpc.insecure_channel(f"127.0.0.1:{arguments.port}")
    key = read(arguments.tls, "client.key") if arguments.mtls else None
    chain = read(arguments.tls, "client.pem") if arguments.mtls else None
    credentials = grpc.ssl_channel_credentials(read(arguments.tls, "ca.pem"), key, chain)
    return grpc.secure_channel(f"localhost:{arguments.port}", credentials)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--tls", metavar="FOLDER")
    parser.add_argument("--mtls", action="store_true")
    parser.add_argument("--only", metavar="NAME")
    arguments = parser.parse_args()

    failed = 0
    with open_channel(arguments) as channel:
        stub = rig_pb2_grpc.RigStub(channel)
        for function in CASES:
            if arguments.only not in (None, function.__name__):
                continue
            try:
                function(channel, stub)
            except Exception as error:  # noqa: BLE001 - one case must not hide the others
                failed += 1
                reason = f"{type(error).__name__}: {error}".replace("\n", " ")
                print(f"FAILED {function.__name__}: {reason[:400]}", flush=True)
                traceback.print_exc(limit=-3, file=sys.stderr)
            else:
                print(f"ok {function.__name__}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
