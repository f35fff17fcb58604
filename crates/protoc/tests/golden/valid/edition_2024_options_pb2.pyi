from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor
NOTE_FIELD_NUMBER: _ClassVar[int]
note: _descriptor.FieldDescriptor
FILE_NOTE_FIELD_NUMBER: _ClassVar[int]
file_note: _descriptor.FieldDescriptor

class Note(_message.Message):
    __slots__ = ("text", "source_text")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    source_text: str
    def __init__(self, text: _Optional[str] = ..., source_text: _Optional[str] = ...) -> None: ...
