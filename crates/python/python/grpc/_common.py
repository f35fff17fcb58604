"""Conversions that programs written against grpcio's internals import."""

from grpc._enums import STATUS_CODES

#: StatusCode by its number on the wire.
CYGRPC_STATUS_CODE_TO_STATUS_CODE = dict(enumerate(STATUS_CODES))

#: The number on the wire by StatusCode.
STATUS_CODE_TO_CYGRPC_STATUS_CODE = {code: number for number, code in enumerate(STATUS_CODES)}


def encode(s):
    """Text as UTF-8 bytes; bytes stay."""
    return s if isinstance(s, bytes) else s.encode("utf8")


def decode(b):
    """UTF-8 bytes as text; what is not UTF-8 is replaced, text stays."""
    return b.decode("utf-8", "replace") if isinstance(b, bytes) else b


def fully_qualified_method(group, method):
    """The path of a method: "/group/method"."""
    return f"/{group}/{method}"
