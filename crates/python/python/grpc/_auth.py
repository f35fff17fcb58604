"""Plugins for call credentials, at the place where programs for grpcio find them."""

import inspect

from grpc import _interfaces
from grpc._credentials import AccessTokenPlugin as AccessTokenAuthMetadataPlugin

__all__ = ("AccessTokenAuthMetadataPlugin", "GoogleCallCredentials")


class GoogleCallCredentials(_interfaces.AuthMetadataPlugin):
    """Sends the access tokens of oauth2client's credentials."""

    def __init__(self, credentials):
        self._credentials = credentials
        # Those that sign their own tokens want to know for whom.
        signature = inspect.signature(credentials.get_access_token)
        self._is_jwt = "additional_claims" in signature.parameters

    def __call__(self, context, callback):
        claims = {"additional_claims": {"aud": context.service_url}} if self._is_jwt else {}
        try:
            token = self._credentials.get_access_token(**claims).access_token
        except Exception as error:
            callback(None, error)
        else:
            callback((("authorization", f"Bearer {token}"),), None)
