"""Call credentials of plugins, at the place where programs for grpcio find them."""

from grpc._credentials import metadata_call_credentials as metadata_plugin_call_credentials

__all__ = ("metadata_plugin_call_credentials",)
