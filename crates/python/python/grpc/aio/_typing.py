"""Type names used in signatures of grpc.aio."""

from typing import Any, AsyncIterable, Callable, Iterable, Sequence, Tuple, TypeVar, Union

from grpc.aio._errors import _EOF
from grpc.aio._metadata import Metadata, MetadataKey, MetadataValue

RequestType = TypeVar("RequestType")
ResponseType = TypeVar("ResponseType")
SerializingFunction = Callable[[Any], bytes]
DeserializingFunction = Callable[[bytes], Any]
MetadatumType = Tuple[MetadataKey, MetadataValue]
MetadataType = Union[Metadata, Sequence[MetadatumType]]
ChannelArgumentType = Sequence[Tuple[str, Any]]
EOFType = _EOF
DoneCallbackType = Callable[[Any], None]
RequestIterableType = Union[Iterable[Any], AsyncIterable[Any]]
ResponseIterableType = AsyncIterable[Any]
