"""The official interop cases by Python's `grpc` package, whoever answers to that name.

    python interop_client.py --server_host=HOST --server_port=PORT --test_case=CASE [--use_tls=true ...]

Silent and 0 if the case passed; 1 and a reason if not. The flags are those of the gRPC project's own clients.
"""
import argparse
import base64
import concurrent.futures
import json
import os
import queue
import sys
import time

import grpc

# The protobuf package of the cases is called grpc.testing: its generated modules lie beside this program.
grpc.__path__.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "gen", "grpc"))
from grpc.testing import empty_pb2, messages_pb2, test_pb2_grpc

PATIENCE = 20
LARGE_REQUEST, LARGE_RESPONSE = 271828, 314159
STREAM_REQUESTS = (27182, 8, 1828, 45904)
STREAM_RESPONSES = (31415, 9, 2653, 58979)
ECHO_INITIAL, ECHO_TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def expect(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def expect_error(call, code):
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code(), code, "code")
        return error
    raise AssertionError(f"the call went well; want {code}")


def payload(size):
    return messages_pb2.Payload(body=bytes(size))


def expect_body(message, size):
    expect(len(message.payload.body), size, "size of the payload")
    expect(message.payload.body.strip(b"\0"), b"", "payload of zeros")


def large(**more):
    return messages_pb2.SimpleRequest(response_size=LARGE_RESPONSE, payload=payload(LARGE_REQUEST), **more)


def ping(request, response):
    return messages_pb2.StreamingOutputCallRequest(
        response_parameters=[messages_pb2.ResponseParameters(size=response)], payload=payload(request)
    )


def yes(value=True):
    return messages_pb2.BoolValue(value=value)


class Fed:
    """A stream of requests that is fed from outside."""

    def __init__(self):
        self._queue = queue.Queue()

    def send(self, message):
        self._queue.put(message)

    def close(self):
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


class JwtPlugin(grpc.AuthMetadataPlugin):
    """Signs a token for each call by the key of a service account (RFC 7519, RS256)."""

    def __init__(self, account):
        from cryptography.hazmat.primitives import serialization

        self._account = account
        self._key = serialization.load_pem_private_key(account["private_key"].encode(), None)

    def __call__(self, context, callback):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        def text(part):
            return base64.urlsafe_b64encode(part).rstrip(b"=")

        now = int(time.time())
        email = self._account["client_email"]
        claims = {"iss": email, "sub": email, "aud": context.service_url, "iat": now, "exp": now + 3600}
        header = {"alg": "RS256", "typ": "JWT", "kid": self._account["private_key_id"]}
        signed = b".".join(text(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        callback((("authorization", "Bearer " + (signed + b"." + text(signature)).decode()),), None)


class Interop:
    def __init__(self, flags):
        self.flags = flags
        self.stub = test_pb2_grpc.TestServiceStub(self.channel())

    def channel(self, call_credentials=None):
        flags = self.flags
        address = f"{flags.server_host}:{flags.server_port}"
        options = []
        if flags.use_tls != "true":
            return grpc.insecure_channel(address, options)
        with open(flags.ca_file, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        if call_credentials:
            credentials = grpc.composite_channel_credentials(credentials, call_credentials)
        if flags.server_host_override:
            options.append(("grpc.ssl_target_name_override", flags.server_host_override))
        return grpc.secure_channel(address, credentials, options)

    def account(self):
        with open(self.flags.service_account_key_file) as file:
            return json.load(file)

    def empty_unary(self):
        expect(self.stub.EmptyCall(empty_pb2.Empty(), timeout=PATIENCE), empty_pb2.Empty(), "answer")

    def cacheable_unary(self):
        message = messages_pb2.SimpleRequest(payload=messages_pb2.Payload(body=str(time.time_ns()).encode()))
        metadata = (("x-user-ip", "1.2.3.4"),)
        bodies = [
            self.stub.CacheableUnaryCall(message, timeout=PATIENCE, metadata=metadata).payload.body for _ in "12"
        ]
        expect(bodies[1], bodies[0], "payload of the second call")

    def large_unary(self):
        expect_body(self.stub.UnaryCall(large(), timeout=PATIENCE), LARGE_RESPONSE)

    def client_compressed_unary(self):
        probe = large(expect_compressed=yes())
        expect_error(lambda: self.stub.UnaryCall(probe, timeout=PATIENCE), grpc.StatusCode.INVALID_ARGUMENT)
        for expected, compression in ((True, grpc.Compression.Gzip), (False, grpc.Compression.NoCompression)):
            message = large(expect_compressed=yes(expected))
            answer = self.stub.UnaryCall(message, timeout=PATIENCE, compression=compression)
            expect_body(answer, LARGE_RESPONSE)

    def server_compressed_unary(self):
        raise AssertionError("Python's API does not tell whether a message came compressed")

    server_compressed_streaming = server_compressed_unary

    def client_streaming(self):
        messages = (messages_pb2.StreamingInputCallRequest(payload=payload(size)) for size in STREAM_REQUESTS)
        answer = self.stub.StreamingInputCall(messages, timeout=PATIENCE)
        expect(answer.aggregated_payload_size, 74922, "aggregated_payload_size")

    def client_compressed_streaming(self):
        raise AssertionError("Python's API compresses all messages that a client sends in a call, or none")

    def server_streaming(self):
        wanted = [messages_pb2.ResponseParameters(size=size) for size in STREAM_RESPONSES]
        request = messages_pb2.StreamingOutputCallRequest(response_parameters=wanted)
        answers = list(self.stub.StreamingOutputCall(request, timeout=PATIENCE))
        expect(len(answers), len(STREAM_RESPONSES), "number of answers")
        for answer, size in zip(answers, STREAM_RESPONSES):
            expect_body(answer, size)

    def ping_pong(self):
        outgoing = Fed()
        answers = self.stub.FullDuplexCall(iter(outgoing), timeout=PATIENCE)
        for request, response in zip(STREAM_REQUESTS, STREAM_RESPONSES):
            outgoing.send(ping(request, response))
            expect_body(next(answers), response)
        outgoing.close()
        expect(list(answers), [], "answers after the half-close")

    def empty_stream(self):
        expect(list(self.stub.FullDuplexCall(iter(()), timeout=PATIENCE)), [], "answers")

    def custom_metadata(self):
        initial, trailing = "test_initial_metadata_value", b"\xab\xab\xab"
        metadata = ((ECHO_INITIAL, initial), (ECHO_TRAILING, trailing))
        answer, call = self.stub.UnaryCall.with_call(large(), timeout=PATIENCE, metadata=metadata)
        expect_body(answer, LARGE_RESPONSE)
        expect(dict(call.initial_metadata()).get(ECHO_INITIAL), initial, "initial metadata")
        expect(dict(call.trailing_metadata()).get(ECHO_TRAILING), trailing, "trailing metadata")
        requests = iter([ping(LARGE_REQUEST, LARGE_RESPONSE)])
        call = self.stub.FullDuplexCall(requests, timeout=PATIENCE, metadata=metadata)
        expect_body(next(call), LARGE_RESPONSE)
        expect(list(call), [], "further answers")
        expect(dict(call.initial_metadata()).get(ECHO_INITIAL), initial, "initial metadata")
        expect(dict(call.trailing_metadata()).get(ECHO_TRAILING), trailing, "trailing metadata")

    def status(self, message, streaming_too):
        wanted = messages_pb2.EchoStatus(code=2, message=message)
        request = messages_pb2.SimpleRequest(response_status=wanted)
        calls = [lambda: self.stub.UnaryCall(request, timeout=PATIENCE)]
        if streaming_too:
            streamed = messages_pb2.StreamingOutputCallRequest(response_status=wanted)
            calls.append(lambda: list(self.stub.FullDuplexCall(iter([streamed]), timeout=PATIENCE)))
        for call in calls:
            expect(expect_error(call, grpc.StatusCode.UNKNOWN).details(), message, "details")

    def status_code_and_message(self):
        self.status("test status message", True)

    def special_status_message(self):
        self.status("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n", False)

    def unimplemented_method(self):
        call = lambda: self.stub.UnimplementedCall(empty_pb2.Empty(), timeout=PATIENCE)
        expect_error(call, grpc.StatusCode.UNIMPLEMENTED)

    def unimplemented_service(self):
        stub = test_pb2_grpc.UnimplementedServiceStub(self.channel())
        call = lambda: stub.UnimplementedCall(empty_pb2.Empty(), timeout=PATIENCE)
        expect_error(call, grpc.StatusCode.UNIMPLEMENTED)

    def cancel_after_begin(self):
        call = self.stub.StreamingInputCall.future(iter(Fed()), timeout=PATIENCE)
        call.cancel()
        expect(call.cancelled(), True, "cancelled()")
        expect(call.code(), grpc.StatusCode.CANCELLED, "code")

    def cancel_after_first_response(self):
        outgoing = Fed()
        call = self.stub.FullDuplexCall(iter(outgoing), timeout=PATIENCE)
        outgoing.send(ping(27182, 31415))
        expect_body(next(call), 31415)
        call.cancel()
        expect_error(lambda: next(call), grpc.StatusCode.CANCELLED)
        outgoing.close()

    def timeout_on_sleeping_server(self):
        outgoing = Fed()
        outgoing.send(messages_pb2.StreamingOutputCallRequest(payload=payload(27182)))
        call = self.stub.FullDuplexCall(iter(outgoing), timeout=0.001)
        expect_error(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        outgoing.close()

    def rpc_soak(self, new_channel_each=False):
        began = time.monotonic()
        for _ in range(self.flags.soak_iterations):
            if new_channel_each:
                with self.channel() as channel:
                    self.stub = test_pb2_grpc.TestServiceStub(channel)
                    start = time.monotonic()
                    self.large_unary()
            else:
                start = time.monotonic()
                self.large_unary()
            took = (time.monotonic() - start) * 1000
            if took > self.flags.soak_per_iteration_max_acceptable_latency_ms:
                raise AssertionError(f"a call took {took} ms")
        if time.monotonic() - began > self.flags.soak_overall_timeout_seconds:
            raise AssertionError("all calls together took too long")

    def channel_soak(self):
        self.rpc_soak(new_channel_each=True)

    def concurrent_large_unary(self):
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            for done in [pool.submit(self.large_unary) for _ in range(1000)]:
                done.result()

    def expect_caller(self, answer, scope=""):
        expect(answer.username, self.account()["client_email"], "username")
        expect(answer.oauth_scope, scope, "oauth_scope")

    def jwt_token_creds(self):
        credentials = grpc.metadata_call_credentials(JwtPlugin(self.account()))
        stub = test_pb2_grpc.TestServiceStub(self.channel(credentials))
        answer = stub.UnaryCall(large(fill_username=True), timeout=PATIENCE)
        expect_body(answer, LARGE_RESPONSE)
        self.expect_caller(answer)

    def per_rpc_creds(self):
        credentials = grpc.metadata_call_credentials(JwtPlugin(self.account()))
        request = messages_pb2.SimpleRequest(fill_username=True)
        self.expect_caller(self.stub.UnaryCall(request, timeout=PATIENCE, credentials=credentials))

    def oauth2_auth_token(self):
        with open(self.flags.oauth_token_file) as file:
            token = json.load(file)
        credentials = grpc.access_token_call_credentials(token["access_token"])
        stub = test_pb2_grpc.TestServiceStub(self.channel(credentials))
        request = messages_pb2.SimpleRequest(fill_username=True, fill_oauth_scope=True)
        self.expect_caller(stub.UnaryCall(request, timeout=PATIENCE), token["scope"])


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("server_host", "server_host_override", "test_case", "use_tls", "use_test_ca", "ca_file",
                 "oauth_scope", "service_account_key_file", "oauth_token_file"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--server_port", type=int)
    parser.add_argument("--soak_iterations", type=int, default=10)
    parser.add_argument("--soak_per_iteration_max_acceptable_latency_ms", type=int, default=1000)
    parser.add_argument("--soak_overall_timeout_seconds", type=int, default=10)
    flags = parser.parse_args()
    case = getattr(Interop(flags), flags.test_case, None)
    if case is None:
        sys.exit(f"there is no case {flags.test_case}")
    try:
        case()
    except (AssertionError, grpc.RpcError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
