import datetime

import lang2_pb2 as _lang2_pb2
import lang_public_pb2 as _lang_public_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from google.protobuf import service as _service
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Top(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    T0: _ClassVar[Top]
    T1: _ClassVar[Top]
    T2: _ClassVar[Top]
    TN: _ClassVar[Top]
T0: Top
T1: Top
T2: Top
TN: Top
MOPT_FIELD_NUMBER: _ClassVar[int]
mopt: _descriptor.FieldDescriptor
PK_FIELD_NUMBER: _ClassVar[int]
pk: _descriptor.FieldDescriptor
OPT3_FIELD_NUMBER: _ClassVar[int]
opt3: _descriptor.FieldDescriptor

class M(_message.Message):
    __slots__ = ("a", "_a", "m", "X_b", "packed", "unpacked", "strs", "es", "e", "t", "d", "mt", "me", "mb", "p", "ee", "any", "mm")
    class E(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        E_UNSPECIFIED: _ClassVar[M.E]
        E_ONE: _ClassVar[M.E]
    E_UNSPECIFIED: M.E
    E_ONE: M.E
    class MtEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _timestamp_pb2.Timestamp
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    class MeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: M.E
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[M.E, str]] = ...) -> None: ...
    class MbEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: bool
        value: bytes
        def __init__(self, key: _Optional[bool] = ..., value: _Optional[bytes] = ...) -> None: ...
    A_FIELD_NUMBER: _ClassVar[int]
    _A_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    X_B_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    UNPACKED_FIELD_NUMBER: _ClassVar[int]
    STRS_FIELD_NUMBER: _ClassVar[int]
    ES_FIELD_NUMBER: _ClassVar[int]
    E_FIELD_NUMBER: _ClassVar[int]
    T_FIELD_NUMBER: _ClassVar[int]
    D_FIELD_NUMBER: _ClassVar[int]
    MT_FIELD_NUMBER: _ClassVar[int]
    ME_FIELD_NUMBER: _ClassVar[int]
    MB_FIELD_NUMBER: _ClassVar[int]
    P_FIELD_NUMBER: _ClassVar[int]
    EE_FIELD_NUMBER: _ClassVar[int]
    ANY_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    MM_FIELD_NUMBER: _ClassVar[int]
    a: int
    _a: str
    m: M
    X_b: int
    packed: _containers.RepeatedScalarFieldContainer[int]
    unpacked: _containers.RepeatedScalarFieldContainer[int]
    strs: _containers.RepeatedScalarFieldContainer[str]
    es: _containers.RepeatedScalarFieldContainer[M.E]
    e: M.E
    t: _timestamp_pb2.Timestamp
    d: _duration_pb2.Duration
    mt: _containers.MessageMap[str, _timestamp_pb2.Timestamp]
    me: _containers.ScalarMap[int, M.E]
    mb: _containers.ScalarMap[bool, bytes]
    p: _lang_public_pb2.Pub
    ee: _lang2_pb2.Everything.Empty
    any: _any_pb2.Any
    mm: M2.M2
    def __init__(self, a: _Optional[int] = ..., _a: _Optional[str] = ..., m: _Optional[_Union[M, _Mapping]] = ..., X_b: _Optional[int] = ..., packed: _Optional[_Iterable[int]] = ..., unpacked: _Optional[_Iterable[int]] = ..., strs: _Optional[_Iterable[str]] = ..., es: _Optional[_Iterable[_Union[M.E, str]]] = ..., e: _Optional[_Union[M.E, str]] = ..., t: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., d: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., mt: _Optional[_Mapping[str, _timestamp_pb2.Timestamp]] = ..., me: _Optional[_Mapping[int, M.E]] = ..., mb: _Optional[_Mapping[bool, bytes]] = ..., p: _Optional[_Union[_lang_public_pb2.Pub, _Mapping]] = ..., ee: _Optional[_Union[_lang2_pb2.Everything.Empty, _Mapping]] = ..., any: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., mm: _Optional[_Union[M2.M2, _Mapping]] = ..., **kwargs) -> None: ...

class M2(_message.Message):
    __slots__ = ("x", "y")
    class M2(_message.Message):
        __slots__ = ("m",)
        M_FIELD_NUMBER: _ClassVar[int]
        IN_FIELD_NUMBER: _ClassVar[int]
        m: M2.M2
        def __init__(self, m: _Optional[_Union[M2.M2, _Mapping]] = ..., **kwargs) -> None: ...
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: M2.M2
    y: M2
    def __init__(self, x: _Optional[_Union[M2.M2, _Mapping]] = ..., y: _Optional[_Union[M2, _Mapping]] = ...) -> None: ...

class O(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class S(_service.service): ...

class S_Stub(S): ...
