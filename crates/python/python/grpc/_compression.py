"""Compression settings by their API names."""

from grpc._enums import Compression

NoCompression = Compression.NoCompression
Deflate = Compression.Deflate
Gzip = Compression.Gzip
