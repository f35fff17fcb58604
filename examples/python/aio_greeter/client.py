"""Several clients at once, each with a channel of its own, in one event loop.

    python client.py [HOST:PORT]
"""
import asyncio
import sys

import grpc

import helloworld_pb2
import helloworld_pb2_grpc

CLIENTS = ["Ada", "Barbara", "Chien-Shiung", "Dorothy", "Emmy"]
CALLS_EACH = 20


async def greet(address, name):
    """Makes all calls of one client at the same time."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = helloworld_pb2_grpc.GreeterStub(channel)
        replies = await asyncio.gather(
            *(stub.SayHello(helloworld_pb2.HelloRequest(name=f"{name} {n}")) for n in range(CALLS_EACH)))
    for n, reply in enumerate(replies):
        assert reply.message == f"Hello, {name} {n}!", reply.message
    return f"{name}: {len(replies)} greetings, the last: {replies[-1].message}"


async def main(address):
    for line in await asyncio.gather(*(greet(address, name) for name in CLIENTS)):
        print(line)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051"))
