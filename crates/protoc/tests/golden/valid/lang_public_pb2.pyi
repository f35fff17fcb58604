from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf.internal import python_message as _python_message
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PE(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    P0: _ClassVar[PE]
P0: PE
PUBEXT_FIELD_NUMBER: _ClassVar[int]
pubext: _descriptor.FieldDescriptor

class Pub(_message.Message):
    __slots__ = ("self",)
    class In(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    CLASS_FIELD_NUMBER: _ClassVar[int]
    SELF_FIELD_NUMBER: _ClassVar[int]
    self: int
    def __init__(self_, self: _Optional[int] = ..., **kwargs) -> None: ...

class Pub2(_message.Message):
    __slots__ = ()
    Extensions: _python_message._ExtensionDict
    def __init__(self) -> None: ...
