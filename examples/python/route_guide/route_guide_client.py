"""Asks the RouteGuide server in all four ways.

    python route_guide_client.py [HOST:PORT]
"""
import sys

import grpc

import places
import route_guide_pb2
import route_guide_pb2_grpc


def describe(feature):
    where = f"{feature.location.latitude}, {feature.location.longitude}"
    return f"{feature.name} at {where}" if feature.name else f"nothing known at {where}"


def guide_get_feature(stub):
    known = route_guide_pb2.Point(latitude=545739000, longitude=136636000)
    unknown = route_guide_pb2.Point(latitude=0, longitude=0)
    print(describe(stub.GetFeature(known)))
    print(describe(stub.GetFeature(unknown)))
    # The same without waiting: both calls are under way before the first answer is asked for.
    pending = [stub.GetFeature.future(point) for point in (known, unknown)]
    for future in pending:
        print("future: " + describe(future.result(timeout=10)))


def guide_list_features(stub):
    rectangle = route_guide_pb2.Rectangle(
        lo=route_guide_pb2.Point(latitude=543000000, longitude=130000000),
        hi=route_guide_pb2.Point(latitude=547000000, longitude=137000000))
    for feature in stub.ListFeatures(rectangle):
        print("listed: " + describe(feature))


def generate_route():
    """Every place of the database, from first to last."""
    for feature in places.read_places():
        yield feature.location


def describe_summary(summary):
    return (f"{summary.point_count} points, {summary.feature_count} features, {summary.distance} metres, "
            f"{summary.elapsed_time} seconds")


def guide_record_route(stub):
    print("route: " + describe_summary(stub.RecordRoute(generate_route())))
    future = stub.RecordRoute.future(generate_route())
    print("future route: " + describe_summary(future.result(timeout=10)))


def generate_notes():
    for text, latitude, longitude in (
            ("first note", 0, 0),
            ("second note", 0, 1),
            ("third note", 1, 0),
            ("fourth note", 0, 0),
            ("fifth note", 1, 0),
            ("sixth note", 0, 0)):
        yield route_guide_pb2.RouteNote(
            message=text, location=route_guide_pb2.Point(latitude=latitude, longitude=longitude))


def guide_route_chat(stub):
    for note in stub.RouteChat(generate_notes()):
        print(f"note: {note.message} at {note.location.latitude}, {note.location.longitude}")


def run(address):
    with grpc.insecure_channel(address) as channel:
        stub = route_guide_pb2_grpc.RouteGuideStub(channel)
        print("-------------- GetFeature --------------")
        guide_get_feature(stub)
        print("-------------- ListFeatures --------------")
        guide_list_features(stub)
        print("-------------- RecordRoute --------------")
        guide_record_route(stub)
        print("-------------- RouteChat --------------")
        guide_route_chat(stub)


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else "localhost:50051")
