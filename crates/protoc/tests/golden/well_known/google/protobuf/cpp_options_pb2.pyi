from google.protobuf import cpp_file_options_pb2 as _cpp_file_options_pb2
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar
from google.protobuf.cpp_file_options_pb2 import CppFileOptions as CppFileOptions

DESCRIPTOR: _descriptor.FileDescriptor
CPP_FIELD_NUMBER: _ClassVar[int]
cpp: _descriptor.FieldDescriptor
