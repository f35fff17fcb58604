"""The version of grpcio whose API this package has: generated code compares it with its own."""

__version__ = "1.85.3"
