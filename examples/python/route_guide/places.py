"""The database of places: a JSON file beside this one."""
import json
import os

import route_guide_pb2


def read_places():
    """All places of the file, as Feature messages."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "places.json")
    with open(path, encoding="utf-8") as file:
        return [
            route_guide_pb2.Feature(
                name=item["name"],
                location=route_guide_pb2.Point(latitude=item["latitude"], longitude=item["longitude"]))
            for item in json.load(file)
        ]
