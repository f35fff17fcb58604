import lang_public_pb2 as _lang_public_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union
from lang_public_pb2 import Pub as Pub
from lang_public_pb2 import Pub2 as Pub2
from lang_public_pb2 import PE as PE

DESCRIPTOR: _descriptor.FileDescriptor
PUBEXT_FIELD_NUMBER: _ClassVar[int]
pubext: _descriptor.FieldDescriptor
P0: _lang_public_pb2.PE

class None(_message.Message):
    __slots__ = ("many", "s", "m", "v", "p")
    class class(_message.Message):
        __slots__ = ("x",)
        X_FIELD_NUMBER: _ClassVar[int]
        x: int
        def __init__(self, x: _Optional[int] = ...) -> None: ...
    FROM_FIELD_NUMBER: _ClassVar[int]
    MANY_FIELD_NUMBER: _ClassVar[int]
    S_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    V_FIELD_NUMBER: _ClassVar[int]
    P_FIELD_NUMBER: _ClassVar[int]
    many: _containers.RepeatedCompositeFieldContainer[getattr(globals()['None'], 'class')]
    s: _struct_pb2.Struct
    m: _field_mask_pb2.FieldMask
    v: _wrappers_pb2.StringValue
    p: _lang_public_pb2.Pub
    def __init__(self, many: _Optional[_Iterable[_Union[getattr(globals()['None'], 'class'), _Mapping]]] = ..., s: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., m: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., v: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., p: _Optional[_Union[_lang_public_pb2.Pub, _Mapping]] = ..., **kwargs) -> None: ...

class Word(_message.Message):
    __slots__ = ()
    class Part(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    def __init__(self) -> None: ...
