"""The server of the official interop cases by Python's `grpc` package, whoever answers to that name.

    python interop_server.py --port=PORT [--use_tls=true --tls_cert_file=PEM --tls_key_file=PEM]

Python's API does not tell whether a message came compressed, so that there is no feature "CompressedRequest".
"""
import argparse
import base64
import concurrent.futures
import json
import os
import time

import grpc

# The protobuf package of the cases is called grpc.testing: its generated modules lie beside this program.
grpc.__path__.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "gen", "grpc"))
from grpc.testing import empty_pb2, messages_pb2, test_pb2_grpc

ECHO_INITIAL, ECHO_TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def payload(size):
    return messages_pb2.Payload(body=bytes(size))


def echo_metadata(context):
    received = context.invocation_metadata()
    initial = [pair for pair in received if pair[0] == ECHO_INITIAL]
    trailing = [pair for pair in received if pair[0] == ECHO_TRAILING]
    if initial:
        context.send_initial_metadata(tuple(initial))
    if trailing:
        context.set_trailing_metadata(tuple(trailing))


def echo_status(request, context):
    if request.HasField("response_status") and request.response_status.code:
        codes = {code.value[0]: code for code in grpc.StatusCode}
        context.abort(codes[request.response_status.code], request.response_status.message)


class TestService(test_pb2_grpc.TestServiceServicer):
    def __init__(self, accounts):
        self._accounts = accounts

    def EmptyCall(self, request, context):
        return empty_pb2.Empty()

    def UnaryCall(self, request, context):
        if request.HasField("response_compressed"):
            wanted = grpc.Compression.Gzip if request.response_compressed.value else grpc.Compression.NoCompression
            context.set_compression(wanted)
        echo_metadata(context)
        echo_status(request, context)
        answer = messages_pb2.SimpleResponse(payload=payload(request.response_size))
        username, scope = self._accounts.caller(context)
        if request.fill_username:
            answer.username = username
        if request.fill_oauth_scope:
            answer.oauth_scope = scope
        return answer

    def CacheableUnaryCall(self, request, context):
        context.send_initial_metadata((("cache-control", "max-age=60, public"),))
        return messages_pb2.SimpleResponse(payload=messages_pb2.Payload(body=str(time.time_ns()).encode()))

    def StreamingInputCall(self, requests, context):
        size = sum(len(request.payload.body) for request in requests)
        return messages_pb2.StreamingInputCallResponse(aggregated_payload_size=size)

    def _answers(self, request, context):
        echo_status(request, context)
        for wanted in request.response_parameters:
            if wanted.interval_us > 0:
                time.sleep(wanted.interval_us / 1e6)
            if wanted.HasField("compressed") and not wanted.compressed.value:
                context.disable_next_message_compression()
            yield messages_pb2.StreamingOutputCallResponse(payload=payload(wanted.size))

    def StreamingOutputCall(self, request, context):
        if any(wanted.compressed.value for wanted in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        yield from self._answers(request, context)

    def FullDuplexCall(self, requests, context):
        echo_metadata(context)
        for request in requests:
            yield from self._answers(request, context)

    def HalfDuplexCall(self, requests, context):
        for request in list(requests):
            yield from self._answers(request, context)


class Accounts:
    """Who may say who they are."""

    def __init__(self, key_file, token_file):
        self._account = self._token = None
        if key_file:
            from cryptography.hazmat.primitives import serialization

            with open(key_file) as file:
                self._account = json.load(file)
            private = serialization.load_pem_private_key(self._account["private_key"].encode(), None)
            self._key = private.public_key()
        if token_file:
            with open(token_file) as file:
                self._token = json.load(file)

    def caller(self, context):
        value = dict(context.invocation_metadata()).get("authorization", "")
        if not value:
            return "", ""
        token = value[len("Bearer "):]
        if self._token and token == self._token["access_token"]:
            return self._token["email"], self._token["scope"]
        if self._account and self._is_signed(token):
            return self._account["client_email"], ""
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not known here")

    def _is_signed(self, token):
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signed, _, signature = token.rpartition(".")
        try:
            signature = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            self._key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", type=int, required=True)
    for name in ("use_tls", "tls_cert_file", "tls_key_file", "service_account_key_file", "oauth_token_file"):
        parser.add_argument("--" + name, default="")
    flags = parser.parse_args()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(32))
    accounts = Accounts(flags.service_account_key_file, flags.oauth_token_file)
    test_pb2_grpc.add_TestServiceServicer_to_server(TestService(accounts), server)
    address = f"127.0.0.1:{flags.port}"
    if flags.use_tls == "true":
        with open(flags.tls_key_file, "rb") as key, open(flags.tls_cert_file, "rb") as chain:
            credentials = grpc.ssl_server_credentials(((key.read(), chain.read()),))
        server.add_secure_port(address, credentials)
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
