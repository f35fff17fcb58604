"""The client of the crosswise rig on asyncio; see rig_client.py.

    python rig_aio_client.py PORT [--tls FOLDER [--mtls]] [--only NAME]
"""
import argparse
import asyncio
import sys
import time
import traceback

import grpc

import rig_pb2
import rig_pb2_grpc
from rig_client import DEFAULT_RECEIVE_LIMIT, DETAILS, PATIENCE_SECONDS, expect, payload, read

CASES = []


def case(function):
    CASES.append(function)
    return function


async def expect_error(call, *codes):
    """The error that the call, or the coroutine, ends with; its code is one of those given."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        if error.code() not in codes:
            raise AssertionError(f"code is {error.code()} ({error.details()}), not one of {codes}") from error
        return error
    raise AssertionError(f"answered {str(answer)[:80]!r} instead of an error")


async def expect_alive(stub):
    expect(await stub.Echo(payload(7), timeout=PATIENCE_SECONDS), payload(7), "the call after it")


async def collect(call):
    return [reply async for reply in call]


@case
async def unary(channel, stub):
    for number in range(20):
        expect(await stub.Echo(payload(number), timeout=PATIENCE_SECONDS), payload(number), "answer")
    expect(await stub.Echo(rig_pb2.Payload(), timeout=PATIENCE_SECONDS), rig_pb2.Payload(),
           "answer to an empty message")


@case
async def unary_at_once(channel, stub):
    calls = [stub.Echo(payload(number), timeout=PATIENCE_SECONDS) for number in range(100)]
    expect([reply.number for reply in await asyncio.gather(*calls)], list(range(100)), "numbers")


@case
async def server_stream(channel, stub):
    request = rig_pb2.DownloadRequest(count=1000, size=100)
    replies = await collect(stub.Download(request, timeout=PATIENCE_SECONDS))
    expect([reply.number for reply in replies], list(range(1000)), "numbers")
    call = stub.Download(request, timeout=PATIENCE_SECONDS)
    count = 0
    while await call.read() is not grpc.aio.EOF:
        count += 1
    expect(count, 1000, "count by read()")
    expect(await call.code(), grpc.StatusCode.OK, "code")


@case
async def client_stream(channel, stub):
    async def requests():
        for number in range(500):
            yield payload(number, 10)

    summary = await stub.Upload(requests(), timeout=PATIENCE_SECONDS)
    expect((summary.count, summary.bytes), (500, 5000), "summary")
    call = stub.Upload(timeout=PATIENCE_SECONDS)
    for number in range(10):
        await call.write(payload(number, 10))
    await call.done_writing()
    expect((await call).count, 10, "count by write()")


@case
async def ping_pong(channel, stub):
    call = stub.PingPong(timeout=PATIENCE_SECONDS)
    for number in range(100):
        await call.write(payload(number))
        expect((await call.read()).number, number, "number")
    await call.done_writing()
    expect(await call.read(), grpc.aio.EOF, "what follows the half-close")
    expect(await call.code(), grpc.StatusCode.OK, "code")


@case
async def metadata(channel, stub):
    sent = (("rig-text", "plain value"), ("rig-some-bin", bytes(range(256))), ("rig-some-bin", b""),
            ("rig-twice", "one"), ("rig-twice", "two"))
    call = stub.Echo(payload(), metadata=sent, timeout=PATIENCE_SECONDS)
    await call
    for name, got in (("initial", await call.initial_metadata()), ("trailing", await call.trailing_metadata())):
        got = [(key, value) for key, value in got if key.startswith("rig-")]
        for key in ("rig-text", "rig-some-bin", "rig-twice"):
            expect([v for k, v in got if k == key], [v for k, v in sent if k == key], f"{name} metadata {key}")


@case
async def error_status(channel, stub):
    sent = (("rig-trail-bin", b"\x00\xff"),)
    for code in grpc.StatusCode:
        if code is grpc.StatusCode.OK:
            continue
        request = rig_pb2.FailRequest(code=code.value[0], details=DETAILS)
        error = await expect_error(stub.Fail(request, metadata=sent, timeout=PATIENCE_SECONDS), code)
        expect(error.details(), DETAILS, "details")
        expect(dict(error.trailing_metadata()).get("rig-trail-bin"), b"\x00\xff", "trailing metadata")


@case
async def broken_handler(channel, stub):
    await expect_error(stub.Break(payload(), timeout=PATIENCE_SECONDS),
                       grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
    await expect_alive(stub)


@case
async def deadline(channel, stub):
    token = rig_pb2.Token(token=f"deadline {time.time_ns()}")
    start = time.monotonic()
    await expect_error(stub.Hang(token, timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)
    took = time.monotonic() - start
    if not 0.2 < took < 5:
        raise AssertionError(f"a deadline of 0.3 s took {took:.2f} s")
    expect((await stub.AwaitCancelled(token, timeout=PATIENCE_SECONDS)).cancelled, True, "cancelled at the server")


@case
async def cancellation(channel, stub):
    call = stub.Hang(rig_pb2.Token(token=f"cancel {time.time_ns()}"), timeout=PATIENCE_SECONDS)
    await expect_alive(stub)
    expect(call.cancel(), True, "cancel()")
    try:
        await call
    except asyncio.CancelledError:
        expect(await call.code(), grpc.StatusCode.CANCELLED, "code")
    else:
        raise AssertionError("a cancelled call answered")
    call = stub.Download(rig_pb2.DownloadRequest(count=1_000_000, size=1000), timeout=PATIENCE_SECONDS)
    await call.read()
    call.cancel()
    expect(await call.code(), grpc.StatusCode.CANCELLED, "code of the stream")
    await expect_alive(stub)


@case
async def unimplemented(channel, stub):
    for path in ("/carom.interop.Rig/Nowhere", "/carom.interop.Nobody/Echo", "/carom.interop.rig/Echo"):
        method = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
        error = await expect_error(method(b"", timeout=PATIENCE_SECONDS), grpc.StatusCode.UNIMPLEMENTED)
        if not error.details():
            raise AssertionError("no details")
    await expect_alive(stub)


@case
async def two_mebibytes(channel, stub):
    big = payload(1, 2 * 1024 * 1024)
    expect(await stub.Echo(big, timeout=PATIENCE_SECONDS) == big, True, "the 2 MiB came back")
    request = rig_pb2.DownloadRequest(count=5, size=2 * 1024 * 1024)
    replies = await collect(stub.Download(request, timeout=PATIENCE_SECONDS))
    expect([len(reply.body) for reply in replies], [2 * 1024 * 1024] * 5, "sizes")


@case
async def request_over_limit(channel, stub):
    """The server refuses that one call; a stream on the same connection goes on."""
    stream = stub.PingPong(timeout=PATIENCE_SECONDS)
    await stream.write(payload(1))
    expect((await stream.read()).number, 1, "number before")
    await expect_error(stub.Echo(payload(0, DEFAULT_RECEIVE_LIMIT + 1), timeout=PATIENCE_SECONDS),
                       grpc.StatusCode.RESOURCE_EXHAUSTED)
    await stream.write(payload(2))
    expect((await stream.read()).number, 2, "number after")
    await stream.done_writing()
    expect(await stream.code(), grpc.StatusCode.OK, "code of the stream")


@case
async def reply_over_limit(channel, stub):
    request = rig_pb2.DownloadRequest(count=1, size=DEFAULT_RECEIVE_LIMIT + 1)
    await expect_error(collect(stub.Download(request, timeout=PATIENCE_SECONDS)),
                       grpc.StatusCode.RESOURCE_EXHAUSTED)
    await expect_alive(stub)


@case
async def gzip(channel, stub):
    squeezed = payload(3, 100_000)
    answer = await stub.Echo(squeezed, compression=grpc.Compression.Gzip, timeout=PATIENCE_SECONDS)
    expect(answer == squeezed, True, "the compressed message came back")


def open_channel(arguments):
    if not arguments.tls:
        return grpc.aio.insecure_channel(f"127.0.0.1:{arguments.port}")
    key = read(arguments.tls, "client.key") if arguments.mtls else None
    chain = read(arguments.tls, "client.pem") if arguments.mtls else None
    credentials = grpc.ssl_channel_credentials(read(arguments.tls, "ca.pem"), key, chain)
    return grpc.aio.secure_channel(f"localhost:{arguments.port}", credentials)


async def run(arguments):
    """How many cases failed."""
    failed = 0
    async with open_channel(arguments) as channel:
        stub = rig_pb2_grpc.RigStub(channel)
        for function in CASES:
            if arguments.only not in (None, function.__name__):
                continue
            try:
                await asyncio.wait_for(function(channel, stub), 2 * PATIENCE_SECONDS)
            except Exception as error:  # noqa: BLE001 - one case must not hide the others
                failed += 1
                reason = f"{type(error).__name__}: {error}".replace("\n", " ")
                print(f"FAILED {function.__name__}: {reason[:400]}", flush=True)
                traceback.print_exc(limit=-3, file=sys.stderr)
            else:
                print(f"ok {function.__name__}", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--tls", metavar="FOLDER")
    parser.add_argument("--mtls", action="store_true")
    parser.add_argument("--only", metavar="NAME")
    sys.exit(1 if asyncio.run(run(parser.parse_args())) else 0)


if __name__ == "__main__":
    main()
