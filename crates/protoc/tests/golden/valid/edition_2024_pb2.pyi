import edition_2023_pb2 as _edition_2023_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Level(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEVEL_UNKNOWN: _ClassVar[Level]
    LEVEL_HIGH: _ClassVar[Level]
LEVEL_UNKNOWN: Level
LEVEL_HIGH: Level

class Public(_message.Message):
    __slots__ = ("tree",)
    class Hidden(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        HIDDEN_UNKNOWN: _ClassVar[Public.Hidden]
    HIDDEN_UNKNOWN: Public.Hidden
    class Inner(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Shown(_message.Message):
        __slots__ = ("number",)
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        number: int
        def __init__(self, number: _Optional[int] = ...) -> None: ...
    TREE_FIELD_NUMBER: _ClassVar[int]
    tree: _edition_2023_pb2.Tree
    def __init__(self, tree: _Optional[_Union[_edition_2023_pb2.Tree, _Mapping]] = ...) -> None: ...

class Private(_message.Message):
    __slots__ = ("inner",)
    INNER_FIELD_NUMBER: _ClassVar[int]
    inner: Public.Inner
    def __init__(self, inner: _Optional[_Union[Public.Inner, _Mapping]] = ...) -> None: ...

class free_style(_message.Message):
    __slots__ = ("NotChecked",)
    NOTCHECKED_FIELD_NUMBER: _ClassVar[int]
    NotChecked: int
    def __init__(self, NotChecked: _Optional[int] = ...) -> None: ...

class Spread(_message.Message):
    __slots__ = ("level",)
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    level: Level
    def __init__(self, level: _Optional[_Union[Level, str]] = ...) -> None: ...
