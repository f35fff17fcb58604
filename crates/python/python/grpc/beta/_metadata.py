"""Metadata of the beta API, whose keys and values are bytes."""

from grpc._metadatum import _Metadatum


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("ascii")


def _pair(key, value):
    key = key if isinstance(key, str) else key.decode("utf8")
    if isinstance(value, bytes) and not key.endswith("-bin"):
        value = value.decode("utf8")
    return _Metadatum(key, value)


def beta(metadata):
    """Metadata as the beta API has it; none for None."""
    return tuple(_Metadatum(_bytes(key), _bytes(value)) for key, value in metadata or ())


def unbeta(beta_metadata):
    """Metadata as `grpc` has it; none for None."""
    return tuple(_pair(key, value) for key, value in beta_metadata or ())
