"""Type names used in signatures."""

from typing import Any, Callable, Optional, Sequence, Tuple, TypeVar, Union

RequestType = TypeVar("RequestType")
ResponseType = TypeVar("ResponseType")
MetadataKey = str
MetadataValue = Union[str, bytes]
MetadataType = Sequence[Tuple[str, Union[str, bytes]]]
ChannelArgumentType = Tuple[str, Any]
SerializingFunction = Callable[[Any], bytes]
DeserializingFunction = Callable[[bytes], Any]
DoneCallbackType = Callable[[Any], None]
NullaryCallbackType = Callable[[], None]
OptionalMetadata = Optional[MetadataType]
