from google.protobuf import json_enumvalue_options_pb2 as _json_enumvalue_options_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar
from google.protobuf.json_enumvalue_options_pb2 import JsonEnumValueOptions as JsonEnumValueOptions

DESCRIPTOR: _descriptor.FileDescriptor
JSON_FIELD_NUMBER: _ClassVar[int]
json: _descriptor.FieldDescriptor
