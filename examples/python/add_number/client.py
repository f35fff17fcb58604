"""Asks the AddNumber server for the number after 3.

    python client.py [HOST:PORT]
"""
import sys

import grpc

import data_pb2
import data_pb2_grpc


def run(address):
    with grpc.insecure_channel(address) as channel:
        stub = data_pb2_grpc.AddNumberStub(channel)
        response = stub.do_add(data_pb2.data(text="3"))
        print("received: " + response.text)


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else "localhost:8888")
