"""The server of the crosswise rig on asyncio; see rig_server.py.

    python rig_aio_server.py [--tls FOLDER [--mtls]]
"""
import argparse
import asyncio

import grpc

import rig_pb2
import rig_pb2_grpc
from rig_server import AWAIT_CANCELLED_SECONDS, CODES, HANG_SECONDS, read, rig_metadata


class Rig(rig_pb2_grpc.RigServicer):

    def __init__(self):
        self._changed = asyncio.Condition()
        self._cancelled = set()

    async def Echo(self, request, context):
        await context.send_initial_metadata(rig_metadata(context))
        context.set_trailing_metadata(rig_metadata(context))
        return request

    async def Fail(self, request, context):
        context.set_trailing_metadata(rig_metadata(context))
        await context.abort(CODES[request.code], request.details)

    async def Break(self, request, context):
        raise ValueError("the rig broke as asked")

    async def Hang(self, request, context):
        try:
            await asyncio.sleep(HANG_SECONDS)
        except asyncio.CancelledError:
            self._cancelled.add(request.token)
            async with self._changed:
                self._changed.notify_all()
            raise
        return rig_pb2.Payload()

    async def AwaitCancelled(self, request, context):
        async def seen():
            async with self._changed:
                await self._changed.wait_for(lambda: request.token in self._cancelled)

        try:
            await asyncio.wait_for(seen(), AWAIT_CANCELLED_SECONDS)
        except asyncio.TimeoutError:
            return rig_pb2.Cancelled(cancelled=False)
        return rig_pb2.Cancelled(cancelled=True)

    async def Download(self, request, context):
        for number in range(request.count):
            yield rig_pb2.Payload(number=number, body=bytes(request.size))

    async def Upload(self, request_iterator, context):
        summary = rig_pb2.UploadSummary()
        async for payload in request_iterator:
            summary.count += 1
            summary.bytes += len(payload.body)
        return summary

    async def PingPong(self, request_iterator, context):
        # The other way of answering: by write() rather than by yield.
        async for payload in request_iterator:
            await context.write(payload)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", metavar="FOLDER")
    parser.add_argument("--mtls", action="store_true")
    arguments = parser.parse_args()

    server = grpc.aio.server()
    rig_pb2_grpc.add_RigServicer_to_server(Rig(), server)
    if arguments.tls:
        credentials = grpc.ssl_server_credentials(
            [(read(arguments.tls, "server.key"), read(arguments.tls, "server.pem"))],
            root_certificates=read(arguments.tls, "ca.pem") if arguments.mtls else None,
            require_client_auth=arguments.mtls)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on {port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
