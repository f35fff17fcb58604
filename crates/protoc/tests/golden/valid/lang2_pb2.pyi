from google.protobuf import descriptor_pb2 as _descriptor_pb2
import lang_public_pb2 as _lang_public_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf.internal import python_message as _python_message
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

class Color(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RED: _ClassVar[Color]
    GREEN: _ClassVar[Color]
    BLUE: _ClassVar[Color]
RED: Color
GREEN: Color
BLUE: Color
FILE_OPT_FIELD_NUMBER: _ClassVar[int]
file_opt: _descriptor.FieldDescriptor
MSG_OPT_FIELD_NUMBER: _ClassVar[int]
msg_opt: _descriptor.FieldDescriptor
REP_FIELD_NUMBER: _ClassVar[int]
rep: _descriptor.FieldDescriptor
FL_FIELD_NUMBER: _ClassVar[int]
fl: _descriptor.FieldDescriptor
DB_FIELD_NUMBER: _ClassVar[int]
db: _descriptor.FieldDescriptor
S_FIELD_NUMBER: _ClassVar[int]
s: _descriptor.FieldDescriptor
F32_FIELD_NUMBER: _ClassVar[int]
f32: _descriptor.FieldDescriptor
BY_FIELD_NUMBER: _ClassVar[int]
by: _descriptor.FieldDescriptor
BO_FIELD_NUMBER: _ClassVar[int]
bo: _descriptor.FieldDescriptor
EN_FIELD_NUMBER: _ClassVar[int]
en: _descriptor.FieldDescriptor
GRP_FIELD_NUMBER: _ClassVar[int]
grp: _descriptor.FieldDescriptor
OPTS_FIELD_NUMBER: _ClassVar[int]
opts: _descriptor.FieldDescriptor
PACKED_REP_FIELD_NUMBER: _ClassVar[int]
packed_rep: _descriptor.FieldDescriptor
FO_FIELD_NUMBER: _ClassVar[int]
fo: _descriptor.FieldDescriptor
FOPT_FIELD_NUMBER: _ClassVar[int]
fopt: _descriptor.FieldDescriptor
EO_FIELD_NUMBER: _ClassVar[int]
eo: _descriptor.FieldDescriptor
EVO_FIELD_NUMBER: _ClassVar[int]
evo: _descriptor.FieldDescriptor
SO_FIELD_NUMBER: _ClassVar[int]
so: _descriptor.FieldDescriptor
MO_FIELD_NUMBER: _ClassVar[int]
mo: _descriptor.FieldDescriptor
OO_FIELD_NUMBER: _ClassVar[int]
oo: _descriptor.FieldDescriptor
RO_FIELD_NUMBER: _ClassVar[int]
ro: _descriptor.FieldDescriptor
MS_EXT_FIELD_NUMBER: _ClassVar[int]
ms_ext: _descriptor.FieldDescriptor
EXT1_FIELD_NUMBER: _ClassVar[int]
ext1: _descriptor.FieldDescriptor
EXT2_FIELD_NUMBER: _ClassVar[int]
ext2: _descriptor.FieldDescriptor
EXTG_FIELD_NUMBER: _ClassVar[int]
extg: _descriptor.FieldDescriptor

class Grp(_message.Message):
    __slots__ = ("a",)
    A_FIELD_NUMBER: _ClassVar[int]
    a: int
    def __init__(self, a: _Optional[int] = ...) -> None: ...

class Opt(_message.Message):
    __slots__ = ("name", "inner", "c1", "c2")
    Extensions: _python_message._ExtensionDict
    class Inner(_message.Message):
        __slots__ = ("values", "deeper", "m")
        class MEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: int
            def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
        VALUES_FIELD_NUMBER: _ClassVar[int]
        DEEPER_FIELD_NUMBER: _ClassVar[int]
        M_FIELD_NUMBER: _ClassVar[int]
        values: _containers.RepeatedScalarFieldContainer[int]
        deeper: Opt
        m: _containers.ScalarMap[str, int]
        def __init__(self, values: _Optional[_Iterable[int]] = ..., deeper: _Optional[_Union[Opt, _Mapping]] = ..., m: _Optional[_Mapping[str, int]] = ...) -> None: ...
    EXT_FIELD_NUMBER: _ClassVar[int]
    ext: _descriptor.FieldDescriptor
    SELF_FIELD_NUMBER: _ClassVar[int]
    self: _descriptor.FieldDescriptor
    NAME_FIELD_NUMBER: _ClassVar[int]
    INNER_FIELD_NUMBER: _ClassVar[int]
    C1_FIELD_NUMBER: _ClassVar[int]
    C2_FIELD_NUMBER: _ClassVar[int]
    name: str
    inner: Opt.Inner
    c1: int
    c2: str
    def __init__(self, name: _Optional[str] = ..., inner: _Optional[_Union[Opt.Inner, _Mapping]] = ..., c1: _Optional[int] = ..., c2: _Optional[str] = ...) -> None: ...

class Everything(_message.Message):
    __slots__ = ("a", "s", "by", "f", "d", "d2", "d3", "c", "packed", "mygroup", "m", "m2", "o1", "og", "o3", "p", "pi", "big", "small", "hex", "yes", "fooBar_baz", "_x_y", "UPPER_case9_z", "f2", "d4")
    Extensions: _python_message._ExtensionDict
    class Inner(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        I0: _ClassVar[Everything.Inner]
        I1: _ClassVar[Everything.Inner]
    I0: Everything.Inner
    I1: Everything.Inner
    class MyGroup(_message.Message):
        __slots__ = ("x", "nested")
        class Nested(_message.Message):
            __slots__ = ("z",)
            Z_FIELD_NUMBER: _ClassVar[int]
            z: str
            def __init__(self, z: _Optional[str] = ...) -> None: ...
        X_FIELD_NUMBER: _ClassVar[int]
        NESTED_FIELD_NUMBER: _ClassVar[int]
        x: int
        nested: _containers.RepeatedCompositeFieldContainer[Everything.MyGroup.Nested]
        def __init__(self, x: _Optional[int] = ..., nested: _Optional[_Iterable[_Union[Everything.MyGroup.Nested, _Mapping]]] = ...) -> None: ...
    class MEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: Everything
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[Everything, _Mapping]] = ...) -> None: ...
    class M2Entry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _lang_public_pb2.PE
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_lang_public_pb2.PE, str]] = ...) -> None: ...
    class OG(_message.Message):
        __slots__ = ("q",)
        Q_FIELD_NUMBER: _ClassVar[int]
        q: int
        def __init__(self, q: _Optional[int] = ...) -> None: ...
    class Empty(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    A_FIELD_NUMBER: _ClassVar[int]
    S_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    F_FIELD_NUMBER: _ClassVar[int]
    D_FIELD_NUMBER: _ClassVar[int]
    D2_FIELD_NUMBER: _ClassVar[int]
    D3_FIELD_NUMBER: _ClassVar[int]
    C_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    MYGROUP_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    M2_FIELD_NUMBER: _ClassVar[int]
    O1_FIELD_NUMBER: _ClassVar[int]
    OG_FIELD_NUMBER: _ClassVar[int]
    O3_FIELD_NUMBER: _ClassVar[int]
    P_FIELD_NUMBER: _ClassVar[int]
    PI_FIELD_NUMBER: _ClassVar[int]
    BIG_FIELD_NUMBER: _ClassVar[int]
    SMALL_FIELD_NUMBER: _ClassVar[int]
    HEX_FIELD_NUMBER: _ClassVar[int]
    YES_FIELD_NUMBER: _ClassVar[int]
    FOOBAR_BAZ_FIELD_NUMBER: _ClassVar[int]
    _X_Y_FIELD_NUMBER: _ClassVar[int]
    UPPER_CASE9_Z_FIELD_NUMBER: _ClassVar[int]
    F2_FIELD_NUMBER: _ClassVar[int]
    D4_FIELD_NUMBER: _ClassVar[int]
    a: int
    s: str
    by: bytes
    f: float
    d: float
    d2: float
    d3: float
    c: Color
    packed: _containers.RepeatedScalarFieldContainer[int]
    mygroup: Everything.MyGroup
    m: _containers.MessageMap[int, Everything]
    m2: _containers.ScalarMap[str, _lang_public_pb2.PE]
    o1: str
    og: Everything.OG
    o3: Everything
    p: _lang_public_pb2.Pub
    pi: _lang_public_pb2.Pub.In
    big: int
    small: int
    hex: int
    yes: bool
    fooBar_baz: int
    _x_y: int
    UPPER_case9_z: int
    f2: float
    d4: float
    def __init__(self, a: _Optional[int] = ..., s: _Optional[str] = ..., by: _Optional[bytes] = ..., f: _Optional[float] = ..., d: _Optional[float] = ..., d2: _Optional[float] = ..., d3: _Optional[float] = ..., c: _Optional[_Union[Color, str]] = ..., packed: _Optional[_Iterable[int]] = ..., mygroup: _Optional[_Union[Everything.MyGroup, _Mapping]] = ..., m: _Optional[_Mapping[int, Everything]] = ..., m2: _Optional[_Mapping[str, _lang_public_pb2.PE]] = ..., o1: _Optional[str] = ..., og: _Optional[_Union[Everything.OG, _Mapping]] = ..., o3: _Optional[_Union[Everything, _Mapping]] = ..., p: _Optional[_Union[_lang_public_pb2.Pub, _Mapping]] = ..., pi: _Optional[_Union[_lang_public_pb2.Pub.In, _Mapping]] = ..., big: _Optional[int] = ..., small: _Optional[int] = ..., hex: _Optional[int] = ..., yes: _Optional[bool] = ..., fooBar_baz: _Optional[int] = ..., _x_y: _Optional[int] = ..., UPPER_case9_z: _Optional[int] = ..., f2: _Optional[float] = ..., d4: _Optional[float] = ...) -> None: ...

class Empty(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MS(_message.Message):
    __slots__ = ()
    Extensions: _python_message._ExtensionDict
    def __init__(self) -> None: ...

class ExtG(_message.Message):
    __slots__ = ("a",)
    A_FIELD_NUMBER: _ClassVar[int]
    a: int
    def __init__(self, a: _Optional[int] = ...) -> None: ...
