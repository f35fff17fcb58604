"""Modules made from .proto files at run time, by the compiler that `grpc_tools` holds."""


def _protoc():
    try:
        from grpc_tools import protoc
    except ImportError as error:
        raise NotImplementedError("Compiling .proto files at run time needs grpc_tools") from error
    return protoc


def protos(protobuf_path):
    """See `grpc.protos`."""
    return _protoc()._protos(protobuf_path)


def services(protobuf_path):
    """See `grpc.services`."""
    protoc = _protoc()
    protoc._protos(protobuf_path)
    return protoc._services(protobuf_path)


def protos_and_services(protobuf_path):
    """See `grpc.protos_and_services`."""
    protoc = _protoc()
    return protoc._protos(protobuf_path), protoc._services(protobuf_path)
