"""Asks for ten articles, then for none, which the server refuses.

    python client.py [HOST:PORT]
"""
import sys

import grpc

import reco_pb2
import reco_pb2_grpc


def run(address):
    with grpc.insecure_channel(address) as channel:
        stub = reco_pb2_grpc.UserRecommendStub(channel)
        request = reco_pb2.UserRequest(
            user_id="u-17",
            topics=["sea", "bread"],
            page_size=10,
            device=reco_pb2.Device(model="pocket", language="de"))
        reply = stub.Recommend(request)
        print(f"{len(reply.articles)} articles for {reply.user_id}")
        for article in reply.articles:
            print(f"{article.id} {article.title} by {article.author.name} about {', '.join(article.topics)}"
                  f" ({article.score:.4f})")

        request.page_size = 0
        try:
            stub.Recommend(request)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051")
