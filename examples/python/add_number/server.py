"""The AddNumber server: answers each number with the next one.

    python server.py [HOST:PORT]
"""
import sys
from concurrent import futures

import grpc

import data_pb2
import data_pb2_grpc


class AddNumber(data_pb2_grpc.AddNumberServicer):

    def do_add(self, request, context):
        try:
            number = int(request.text)
        except ValueError:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{request.text!r} is not a whole number")
        return data_pb2.data(text=str(number + 1))


def serve(address):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    data_pb2_grpc.add_AddNumberServicer_to_server(AddNumber(), server)
    server.add_insecure_port(address)
    server.start()
    print(f"AddNumber listens on {address}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1] if len(sys.argv) > 1 else "localhost:8888")
