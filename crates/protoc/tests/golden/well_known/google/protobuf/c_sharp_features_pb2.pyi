from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor
CSHARP_FIELD_NUMBER: _ClassVar[int]
csharp: _descriptor.FieldDescriptor

class CSharpFeatures(_message.Message):
    __slots__ = ("nullable_reference_types",)
    NULLABLE_REFERENCE_TYPES_FIELD_NUMBER: _ClassVar[int]
    nullable_reference_types: bool
    def __init__(self, nullable_reference_types: _Optional[bool] = ...) -> None: ...
