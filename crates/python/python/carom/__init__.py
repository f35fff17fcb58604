"""Carom's engine for Python, as one extension module. Programs do not import this: they import `grpc`."""
