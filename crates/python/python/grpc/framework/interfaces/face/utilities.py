"""Method implementations by the kind of the method and the style of the implementation."""

import collections

from grpc.framework.common import cardinality
from grpc.framework.common import style
from grpc.framework.foundation import stream  # noqa: F401
from grpc.framework.interfaces.face import face

_BEHAVIORS = tuple(
    f"{kind}_{way}"
    for way in ("inline", "event")
    for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
)


class _MethodImplementation(
    collections.namedtuple("_MethodImplementation", ("cardinality", "style", *_BEHAVIORS)), face.MethodImplementation
):
    """A MethodImplementation as a named tuple."""


def _implementation(kind, way, behavior):
    name = f"{kind.name.lower()}_{way.value}"
    return _MethodImplementation(kind, way, *(behavior if one == name else None for one in _BEHAVIORS))


def unary_unary_inline(behavior):
    """A face.MethodImplementation: `behavior(request, context)` returns the response."""
    return _implementation(cardinality.Cardinality.UNARY_UNARY, style.Service.INLINE, behavior)


def unary_stream_inline(behavior):
    """A face.MethodImplementation: `behavior(request, context)` returns an iterator of responses."""
    return _implementation(cardinality.Cardinality.UNARY_STREAM, style.Service.INLINE, behavior)


def stream_unary_inline(behavior):
    """A face.MethodImplementation: `behavior(request_iterator, context)` returns the response."""
    return _implementation(cardinality.Cardinality.STREAM_UNARY, style.Service.INLINE, behavior)


def stream_stream_inline(behavior):
    """A face.MethodImplementation: `behavior(request_iterator, context)` returns an iterator of responses."""
    return _implementation(cardinality.Cardinality.STREAM_STREAM, style.Service.INLINE, behavior)


def unary_unary_event(behavior):
    """A face.MethodImplementation: `behavior(request, respond, context)` has `respond(response)` called."""
    return _implementation(cardinality.Cardinality.UNARY_UNARY, style.Service.EVENT, behavior)


def unary_stream_event(behavior):
    """A face.MethodImplementation: `behavior(request, consumer, context)` hands responses to a stream.Consumer."""
    return _implementation(cardinality.Cardinality.UNARY_STREAM, style.Service.EVENT, behavior)


def stream_unary_event(behavior):
    """A face.MethodImplementation: `behavior(respond, context)` returns a stream.Consumer of requests."""
    return _implementation(cardinality.Cardinality.STREAM_UNARY, style.Service.EVENT, behavior)


def stream_stream_event(behavior):
    """A face.MethodImplementation: `behavior(consumer, context)` takes one stream.Consumer and returns another."""
    return _implementation(cardinality.Cardinality.STREAM_STREAM, style.Service.EVENT, behavior)
