"""The protobuf compiler for Python programs: `python -m grpc_tools.protoc`."""
