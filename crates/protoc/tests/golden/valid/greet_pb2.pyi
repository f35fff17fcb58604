import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HelloRequest(_message.Message):
    __slots__ = ("name", "m", "z", "a", "t", "e")
    class E(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        A: _ClassVar[HelloRequest.E]
        B: _ClassVar[HelloRequest.E]
    A: HelloRequest.E
    B: HelloRequest.E
    class MEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    Z_FIELD_NUMBER: _ClassVar[int]
    A_FIELD_NUMBER: _ClassVar[int]
    T_FIELD_NUMBER: _ClassVar[int]
    E_FIELD_NUMBER: _ClassVar[int]
    name: str
    m: _containers.ScalarMap[str, int]
    z: int
    a: int
    t: _timestamp_pb2.Timestamp
    e: _containers.RepeatedScalarFieldContainer[HelloRequest.E]
    def __init__(self, name: _Optional[str] = ..., m: _Optional[_Mapping[str, int]] = ..., z: _Optional[int] = ..., a: _Optional[int] = ..., t: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., e: _Optional[_Iterable[_Union[HelloRequest.E, str]]] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("message",)
    class Empty(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class Empty(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
