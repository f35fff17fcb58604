"""TLS, mutual TLS, and call credentials, which go over secure channels alone."""

import asyncio
import datetime
import ipaddress
from concurrent import futures

import grpc
import pytest
from grpc import aio

from conftest import ECHO, SERVICE, path

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402


class Authority:
    """A certificate authority for one test run."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("test authority", self.key.public_key(), None, authority=True)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def _sign(self, name, public_key, alternative, authority=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(own)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, alternative):
        """(private key, certificate) as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key.public_key(), alternative)
        return (
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            certificate.public_bytes(serialization.Encoding.PEM),
        )


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def server_files(authority):
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return authority.issue("server", names)


def who(request, context):
    identities = context.peer_identities() or []
    return b"|".join([*identities, (context.peer_identity_key() or "").encode()])


def facts(request, context):
    return repr(sorted(context.auth_context().items())).encode()


def secrets(request, context):
    return ",".join(pair.value for pair in context.invocation_metadata() if pair.key == "authorization").encode()


METHODS = {
    **ECHO,
    "Who": grpc.unary_unary_rpc_method_handler(who),
    "Facts": grpc.unary_unary_rpc_method_handler(facts),
    "Secrets": grpc.unary_unary_rpc_method_handler(secrets),
}


def start(credentials):
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, METHODS),))
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, f"localhost:{port}"


@pytest.fixture
def tls_address(server_files):
    server, address = start(grpc.ssl_server_credentials([server_files]))
    yield address
    server.stop(0).wait(10)


@pytest.fixture
def mutual_address(server_files, authority):
    server, address = start(grpc.ssl_server_credentials([server_files], authority.pem, require_client_auth=True))
    yield address
    server.stop(0).wait(10)


def test_tls(tls_address, authority):
    with grpc.secure_channel(tls_address, grpc.ssl_channel_credentials(authority.pem)) as channel:
        assert channel.unary_unary(path("Echo"))(b"x", timeout=10) == b"x"
        assert list(channel.unary_stream(path("Repeat"))(b"3")) == [b"3"] * 3
        assert channel.unary_unary(path("Who"))(b"") == b""
        assert b"[b'ssl']" in channel.unary_unary(path("Facts"))(b"")
        message = bytes(2 << 20)
        assert channel.unary_unary(path("Echo"))(message) == message


def test_untrusted_server(tls_address):
    other = Authority()
    with grpc.secure_channel(tls_address, grpc.ssl_channel_credentials(other.pem)) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path("Echo"))(b"x", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_name_override(server_files, authority):
    files = authority.issue("server", [x509.DNSName("elsewhere.test")])
    server, address = start(grpc.ssl_server_credentials([files]))
    credentials = grpc.ssl_channel_credentials(authority.pem)
    with grpc.secure_channel(address, credentials) as channel:
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(path("Echo"))(b"x", timeout=10)
    options = (("grpc.ssl_target_name_override", "elsewhere.test"),)
    with grpc.secure_channel(address, credentials, options=options) as channel:
        assert channel.unary_unary(path("Echo"))(b"x", timeout=10) == b"x"
    server.stop(0).wait(10)


def test_plain_client_to_tls_server(tls_address):
    with grpc.insecure_channel(tls_address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path("Echo"))(b"x", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("alternative", "expected"),
    [
        ([x509.DNSName("client.test"), x509.DNSName("two.test")], b"client.test|two.test|x509_subject_alternative_name"),
        (None, b"client|x509_common_name"),
    ],
)
def test_mutual_tls(mutual_address, authority, alternative, expected):
    key, chain = authority.issue("client", alternative)
    with grpc.secure_channel(mutual_address, grpc.ssl_channel_credentials(authority.pem, key, chain)) as channel:
        assert channel.unary_unary(path("Who"))(b"", timeout=10) == expected


def test_mutual_tls_without_certificate(mutual_address, authority):
    with grpc.secure_channel(mutual_address, grpc.ssl_channel_credentials(authority.pem)) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path("Who"))(b"", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_access_token(tls_address, authority):
    token = grpc.access_token_call_credentials("abc")
    credentials = grpc.ssl_channel_credentials(authority.pem)
    with grpc.secure_channel(tls_address, credentials) as channel:
        assert channel.unary_unary(path("Secrets"))(b"", credentials=token, timeout=10) == b"Bearer abc"
        assert channel.unary_unary(path("Secrets"))(b"", timeout=10) == b""
    with grpc.secure_channel(tls_address, grpc.composite_channel_credentials(credentials, token)) as channel:
        assert channel.unary_unary(path("Secrets"))(b"", timeout=10) == b"Bearer abc"


def test_metadata_plugin(tls_address, authority):
    seen = []

    class Plugin(grpc.AuthMetadataPlugin):
        def __call__(self, context, callback):
            seen.append((context.service_url, context.method_name))
            callback((("authorization", "plugin"),), None)

    def failing(context, callback):
        callback((), ValueError("no token"))

    with grpc.secure_channel(tls_address, grpc.ssl_channel_credentials(authority.pem)) as channel:
        call = channel.unary_unary(path("Secrets"))
        assert call(b"", credentials=grpc.metadata_call_credentials(Plugin()), timeout=10) == b"plugin"
        service_url, method_name = seen[0]
        assert service_url.startswith("https://localhost") and service_url.endswith(f"/{SERVICE}")
        assert method_name == "Secrets"
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", credentials=grpc.metadata_call_credentials(failing), timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "no token" in caught.value.details()


def test_call_credentials_need_security():
    """Over an insecure channel they are never sent."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, METHODS),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(path("Secrets"))(
                b"", credentials=grpc.access_token_call_credentials("abc"), timeout=10
            )
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    server.stop(0).wait(10)


def test_aio(server_files, authority):
    async def repeat(request, context):
        assert context.auth_context()["transport_security_type"] == [b"ssl"]
        for _ in range(int(request)):
            yield request

    async def tell(request, context):
        return secrets(request, context)

    async def main():
        server = aio.server()
        methods = {
            "Repeat": grpc.unary_stream_rpc_method_handler(repeat),
            "Secrets": grpc.unary_unary_rpc_method_handler(tell),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([server_files]))
        await server.start()
        credentials = grpc.ssl_channel_credentials(authority.pem)
        async with aio.secure_channel(f"localhost:{port}", credentials) as channel:
            assert [one async for one in channel.unary_stream(path("Repeat"))(b"3")] == [b"3"] * 3
            token = grpc.access_token_call_credentials("abc")
            assert await channel.unary_unary(path("Secrets"))(b"", credentials=token) == b"Bearer abc"
        await server.stop(0)

    asyncio.run(asyncio.wait_for(main(), 30))
