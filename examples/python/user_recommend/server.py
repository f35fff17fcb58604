"""The UserRecommend server: ranks its articles for whoever asks.

    python server.py [HOST:PORT]
"""
import sys
from concurrent import futures

import grpc

import reco_pb2
import reco_pb2_grpc

TOPICS = ["sea", "rail", "bread", "stars"]
AUTHORS = ["Ingrid", "José", "Mei"]
SHELF_SIZE = 24


def shelf():
    """All articles there are."""
    for number in range(1, SHELF_SIZE + 1):
        yield reco_pb2.Article(
            id=1000 + number,
            title=f"Article {number}",
            author=reco_pb2.Author(name=AUTHORS[number % len(AUTHORS)]),
            topics=sorted({TOPICS[number % len(TOPICS)], TOPICS[(number // 4) % len(TOPICS)]}))


class UserRecommend(reco_pb2_grpc.UserRecommendServicer):

    def Recommend(self, request, context):
        if request.page_size <= 0:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT,
                          f"page_size is {request.page_size}: ask for one article or more")
        articles = list(shelf())
        for article in articles:
            article.score = sum(topic in request.topics for topic in article.topics) + 1 / article.id
        articles.sort(key=lambda article: article.score, reverse=True)
        return reco_pb2.RecommendReply(user_id=request.user_id, articles=articles[:request.page_size])


def serve(address):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    reco_pb2_grpc.add_UserRecommendServicer_to_server(UserRecommend(), server)
    server.add_insecure_port(address)
    server.start()
    print(f"UserRecommend listens on {address}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051")
