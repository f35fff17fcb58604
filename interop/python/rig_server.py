"""The server of the crosswise rig. Uses only grpc's public API, so it runs on grpcio and on Carom.

    python rig_server.py [--tls FOLDER [--mtls]]

Listens on a free port of 127.0.0.1 and prints `listening on PORT`.
"""
import argparse
import threading
from concurrent import futures

import grpc

import rig_pb2
import rig_pb2_grpc

AWAIT_CANCELLED_SECONDS = 5
# Hang gives up by itself then, so that a lost cancellation cannot hold a worker for ever.
HANG_SECONDS = 20
CODES = {code.value[0]: code for code in grpc.StatusCode}


def rig_metadata(context):
    return tuple((key, value) for key, value in context.invocation_metadata() if key.startswith("rig-"))


class Rig(rig_pb2_grpc.RigServicer):

    def __init__(self):
        self._changed = threading.Condition()
        self._cancelled = set()

    def Echo(self, request, context):
        context.send_initial_metadata(rig_metadata(context))
        context.set_trailing_metadata(rig_metadata(context))
        return request

    def Fail(self, request, context):
        context.set_trailing_metadata(rig_metadata(context))
        context.abort(CODES[request.code], request.details)

    def Break(self, request, context):
        raise ValueError("the rig broke as asked")

    def Hang(self, request, context):
        over = threading.Event()

        def note():
            with self._changed:
                self._cancelled.add(request.token)
                self._changed.notify_all()
            over.set()

        if not context.add_callback(note):
            note()
        over.wait(HANG_SECONDS)
        return rig_pb2.Payload()

    def AwaitCancelled(self, request, context):
        with self._changed:
            cancelled = self._changed.wait_for(lambda: request.token in self._cancelled, AWAIT_CANCELLED_SECONDS)
        return rig_pb2.Cancelled(cancelled=cancelled)

    def Download(self, request, context):
        for number in range(request.count):
            yield rig_pb2.Payload(number=number, body=bytes(request.size))

    def Upload(self, request_iterator, context):
        summary = rig_pb2.UploadSummary()
        for payload in request_iterator:
            summary.count += 1
            summary.bytes += len(payload.body)
        return summary

    def PingPong(self, request_iterator, context):
        yield from request_iterator


def read(folder, name):
    with open(f"{folder}/{name}", "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", metavar="FOLDER")
    parser.add_argument("--mtls", action="store_true")
    arguments = parser.parse_args()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    rig_pb2_grpc.add_RigServicer_to_server(Rig(), server)
    if arguments.tls:
        credentials = grpc.ssl_server_credentials(
            [(read(arguments.tls, "server.key"), read(arguments.tls, "server.pem"))],
            root_certificates=read(arguments.tls, "ca.pem") if arguments.mtls else None,
            require_client_auth=arguments.mtls)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on {port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
