"""The version of grpcio-tools whose interface this package has."""

VERSION = "1.85.3"
