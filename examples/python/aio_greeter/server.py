"""The Greeter server on asyncio: every call is a coroutine of one event loop.

    python server.py [ADDRESS:PORT]
"""
import asyncio
import sys

import grpc

import helloworld_pb2
import helloworld_pb2_grpc


class Greeter(helloworld_pb2_grpc.GreeterServicer):

    async def SayHello(self, request, context):
        # Whoever waits here lets the other calls run.
        await asyncio.sleep(0.01)
        return helloworld_pb2.HelloReply(message=f"Hello, {request.name}!")


async def serve(address):
    server = grpc.aio.server()
    helloworld_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
    server.add_insecure_port(address)
    await server.start()
    print(f"aio Greeter listens on {address}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1] if len(sys.argv) > 1 else "[::]:50051"))
