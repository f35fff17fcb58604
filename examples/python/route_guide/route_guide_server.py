"""The RouteGuide server: all four kinds of calls over a database of places.

    python route_guide_server.py [ADDRESS:PORT]
"""
import math
import sys
import time
from concurrent import futures

import grpc

import places
import route_guide_pb2
import route_guide_pb2_grpc

EARTH_RADIUS_METRES = 6371000


def get_feature(features, point):
    """The place at the point, or None."""
    for feature in features:
        if feature.location == point:
            return feature
    return None


def get_distance(start, end):
    """Metres between two points along the globe (haversine formula)."""
    lat_1, lat_2 = (math.radians(p.latitude / 1e7) for p in (start, end))
    lon_1, lon_2 = (math.radians(p.longitude / 1e7) for p in (start, end))
    a = (math.sin((lat_2 - lat_1) / 2) ** 2
         + math.cos(lat_1) * math.cos(lat_2) * math.sin((lon_2 - lon_1) / 2) ** 2)
    return 2 * EARTH_RADIUS_METRES * math.atan2(math.sqrt(a), math.sqrt(1 - a))


class RouteGuide(route_guide_pb2_grpc.RouteGuideServicer):

    def __init__(self):
        self.places = places.read_places()

    def GetFeature(self, request, context):
        feature = get_feature(self.places, request)
        if feature is None:
            return route_guide_pb2.Feature(name="", location=request)
        return feature

    def ListFeatures(self, request, context):
        left = min(request.lo.longitude, request.hi.longitude)
        right = max(request.lo.longitude, request.hi.longitude)
        bottom = min(request.lo.latitude, request.hi.latitude)
        top = max(request.lo.latitude, request.hi.latitude)
        for feature in self.places:
            if (feature.name
                    and left <= feature.location.longitude <= right
                    and bottom <= feature.location.latitude <= top):
                yield feature

    def RecordRoute(self, request_iterator, context):
        point_count = 0
        feature_count = 0
        distance = 0.0
        previous = None
        start = time.monotonic()
        for point in request_iterator:
            point_count += 1
            feature = get_feature(self.places, point)
            if feature is not None and feature.name:
                feature_count += 1
            if previous is not None:
                distance += get_distance(previous, point)
            previous = point
        return route_guide_pb2.RouteSummary(
            point_count=point_count,
            feature_count=feature_count,
            distance=int(distance),
            elapsed_time=int(time.monotonic() - start))

    def RouteChat(self, request_iterator, context):
        notes = []
        for new_note in request_iterator:
            for note in notes:
                if note.location == new_note.location:
                    yield note
            notes.append(new_note)


def serve(address):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
    route_guide_pb2_grpc.add_RouteGuideServicer_to_server(RouteGuide(), server)
    server.add_insecure_port(address)
    server.start()
    print(f"RouteGuide listens on {address}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1] if len(sys.argv) > 1 else "[::]:50051")
