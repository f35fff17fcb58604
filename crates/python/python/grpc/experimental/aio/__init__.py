"""The name that grpc.aio had before it was stable."""

from grpc.aio import *  # noqa: F401,F403
