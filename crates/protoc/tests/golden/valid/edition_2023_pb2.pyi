from google.protobuf import cpp_features_pb2 as _cpp_features_pb2
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import java_features_pb2 as _java_features_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf.internal import python_message as _python_message
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Shade(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHADE_UNKNOWN: _ClassVar[Shade]
    DARK: _ClassVar[Shade]

class Closed(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ONE: _ClassVar[Closed]
    TWO: _ClassVar[Closed]
SHADE_UNKNOWN: Shade
DARK: Shade
ONE: Closed
TWO: Closed
SUB_FIELD_NUMBER: _ClassVar[int]
sub: _descriptor.FieldDescriptor
NUMBERS_FIELD_NUMBER: _ClassVar[int]
numbers: _descriptor.FieldDescriptor
MARK_FIELD_NUMBER: _ClassVar[int]
mark: _descriptor.FieldDescriptor
CODES_FIELD_NUMBER: _ClassVar[int]
codes: _descriptor.FieldDescriptor

class Tree(_message.Message):
    __slots__ = ("plain", "present", "must", "packed", "expanded", "raw", "unchecked", "leaf", "delimited", "leaves", "named", "shades", "first", "second", "shade", "closed")
    Extensions: _python_message._ExtensionDict
    class NamedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Tree.Leaf
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Tree.Leaf, _Mapping]] = ...) -> None: ...
    class ShadesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: Shade
        def __init__(self, key: _Optional[int] = ..., value: _Optional[_Union[Shade, str]] = ...) -> None: ...
    class Leaf(_message.Message):
        __slots__ = ("text",)
        TEXT_FIELD_NUMBER: _ClassVar[int]
        text: str
        def __init__(self, text: _Optional[str] = ...) -> None: ...
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    MUST_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    EXPANDED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    UNCHECKED_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    DELIMITED_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    NAMED_FIELD_NUMBER: _ClassVar[int]
    SHADES_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    SHADE_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    plain: int
    present: int
    must: str
    packed: _containers.RepeatedScalarFieldContainer[int]
    expanded: _containers.RepeatedScalarFieldContainer[int]
    raw: bytes
    unchecked: str
    leaf: Tree.Leaf
    delimited: Tree
    leaves: _containers.RepeatedCompositeFieldContainer[Tree.Leaf]
    named: _containers.MessageMap[str, Tree.Leaf]
    shades: _containers.ScalarMap[int, Shade]
    first: int
    second: Tree.Leaf
    shade: Shade
    closed: Closed
    def __init__(self, plain: _Optional[int] = ..., present: _Optional[int] = ..., must: _Optional[str] = ..., packed: _Optional[_Iterable[int]] = ..., expanded: _Optional[_Iterable[int]] = ..., raw: _Optional[bytes] = ..., unchecked: _Optional[str] = ..., leaf: _Optional[_Union[Tree.Leaf, _Mapping]] = ..., delimited: _Optional[_Union[Tree, _Mapping]] = ..., leaves: _Optional[_Iterable[_Union[Tree.Leaf, _Mapping]]] = ..., named: _Optional[_Mapping[str, Tree.Leaf]] = ..., shades: _Optional[_Mapping[int, Shade]] = ..., first: _Optional[int] = ..., second: _Optional[_Union[Tree.Leaf, _Mapping]] = ..., shade: _Optional[_Union[Shade, str]] = ..., closed: _Optional[_Union[Closed, str]] = ...) -> None: ...

class Mark(_message.Message):
    __slots__ = ("weight", "codes", "inner")
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    INNER_FIELD_NUMBER: _ClassVar[int]
    weight: int
    codes: _containers.RepeatedScalarFieldContainer[int]
    inner: Mark
    def __init__(self, weight: _Optional[int] = ..., codes: _Optional[_Iterable[int]] = ..., inner: _Optional[_Union[Mark, _Mapping]] = ...) -> None: ...

class Marked(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
