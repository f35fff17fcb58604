"""Credentials: what the API's opaque objects hold, and how they are brought to a channel, a call, a server."""

import collections
import os
import threading

from grpc import _interfaces

_PLUGIN_FAILED = "Getting metadata from plugin failed with error: {}"
_ROOTS_FILE_VARIABLE = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"


class ChannelCredentials:
    """What a channel proves and demands when it connects. Made by functions of this package; opaque."""

    def __init__(self, credentials):
        self._credentials = credentials


class CallCredentials:
    """What a call proves, as metadata. Made by functions of this package; opaque."""

    def __init__(self, credentials):
        self._credentials = credentials


class ServerCredentials:
    """What a port of a server proves and demands. Made by functions of this package; opaque."""

    def __init__(self, credentials):
        self._credentials = credentials


class ServerCertificateConfiguration:
    """The certificates of a server. Made by `ssl_server_certificate_configuration`; opaque."""

    def __init__(self, certificate_configuration):
        self._certificate_configuration = certificate_configuration


class Plaintext:
    """No encryption. `secure` says whether call credentials may go over it (local connections)."""

    __slots__ = ("secure",)

    def __init__(self, secure):
        self.secure = secure


def _pem(text):
    if text is not None and not isinstance(text, bytes):
        raise TypeError(f"expected bytes, {type(text).__name__} found")
    return text


def _pairs(pairs):
    """The (private key, certificate chain) pairs of a server."""
    pairs = tuple((key, chain) for key, chain in pairs)
    for pem in (pem for pair in pairs for pem in pair):
        if not isinstance(pem, bytes):
            raise TypeError(f"expected bytes, {type(pem).__name__} found")
    if not pairs:
        raise ValueError("At least one private key-certificate chain pair is required!")
    return pairs


class ClientTls:
    """TLS at a channel. All three are PEM bytes or None."""

    __slots__ = ("root_certificates", "private_key", "certificate_chain")

    def __init__(self, root_certificates, private_key, certificate_chain):
        if root_certificates is None:
            path = os.environ.get(_ROOTS_FILE_VARIABLE)
            if path:
                with open(path, "rb") as roots:
                    root_certificates = roots.read()
        self.root_certificates = _pem(root_certificates)
        self.private_key = _pem(private_key)
        self.certificate_chain = _pem(certificate_chain)


class CompositeChannel:
    """Channel credentials with call credentials for every call."""

    __slots__ = ("channel", "plugins")

    def __init__(self, channel, plugins):
        self.channel = channel
        self.plugins = plugins

    # The names by which programs reach into grpcio's compiled class.

    @property
    def _channel_credentials(self):
        return self.channel

    @property
    def _call_credentialses(self):
        from grpc._cython import cygrpc

        return [cygrpc.MetadataPluginCallCredentials(plugin) for plugin in self.plugins]


class Alts:
    """ALTS, on either side."""

    __slots__ = ()


class ServerTls:
    """TLS at a port: PEM (private key, certificate chain) pairs, PEM roots for clients, and whether to demand one."""

    __slots__ = ("pairs", "root_certificates", "require_client_auth")

    def __init__(self, pairs, root_certificates, require_client_auth):
        self.pairs = pairs
        self.root_certificates = root_certificates
        self.require_client_auth = require_client_auth


class DynamicServerTls:
    """TLS at a port whose certificates a callable renews."""

    __slots__ = ("initial", "fetcher", "require_client_auth")

    def __init__(self, initial, fetcher, require_client_auth):
        self.initial = initial
        self.fetcher = fetcher
        self.require_client_auth = require_client_auth


class _AuthMetadataContext(
    collections.namedtuple("_AuthMetadataContext", ("service_url", "method_name")), _interfaces.AuthMetadataContext
):
    """The context as a named tuple."""


class AccessTokenPlugin(_interfaces.AuthMetadataPlugin):
    """Sends a fixed OAuth 2 access token."""

    def __init__(self, access_token):
        self._metadata = (("authorization", f"Bearer {access_token}"),)

    def __call__(self, context, callback):
        callback(self._metadata, None)


class PluginError(Exception):
    """A plugin gave no metadata; the text is the call's status message."""


class _Answer(_interfaces.AuthMetadataPluginCallback):
    """Takes the first answer of a plugin; the later ones are dropped."""

    def __init__(self, answered):
        self._lock = threading.Lock()
        self._answered = answered
        self.done = False
        self.metadata = None
        self.error = None

    def __call__(self, metadata, error):
        with self._lock:
            if self.done:
                return
            self.metadata = metadata
            self.error = error
            self.done = True
        self._answered()

    def take(self):
        if self.error is not None:
            raise PluginError(_PLUGIN_FAILED.format(self.error))
        return tuple(self.metadata or ())


def _ask(plugin, context, answered):
    answer = _Answer(answered)
    try:
        plugin(context, answer)
    except Exception as error:
        raise PluginError(_PLUGIN_FAILED.format(error)) from error
    return answer


def call_metadata(plugins, context, timeout):
    """The metadata of all plugins for a call, waiting for those that answer later.

    Raises:
        PluginError: one failed.
        TimeoutError: one did not answer within `timeout` seconds.
    """
    metadata = ()
    for plugin in plugins:
        event = threading.Event()
        answer = _ask(plugin, context, event.set)
        if not event.wait(timeout):
            raise TimeoutError()
        metadata += answer.take()
    return metadata


async def call_metadata_async(plugins, context, loop):
    """As `call_metadata`, for a coroutine of `loop`."""
    metadata = ()
    for plugin in plugins:
        future = loop.create_future()

        def resolve(future=future):
            if not future.done():
                future.set_result(None)

        answer = _ask(plugin, context, lambda: loop.call_soon_threadsafe(resolve))
        if not answer.done:
            await future
        metadata += answer.take()
    return metadata


def auth_metadata_context(authority, method):
    """The context of a call to `method` ("/service/name") at `authority`."""
    service, _, name = method.rpartition("/")
    return _AuthMetadataContext(f"https://{authority}{service}", name)


def metadata_call_credentials(metadata_plugin, name=None):
    """CallCredentials from an AuthMetadataPlugin.

    Args:
        metadata_plugin: called for each call.
        name: accepted for compatibility; not used.
    """
    return CallCredentials((metadata_plugin,))


def access_token_call_credentials(access_token):
    """CallCredentials that send "authorization: Bearer TOKEN".

    Args:
        access_token: the token, a string.
    """
    return CallCredentials((AccessTokenPlugin(access_token),))


def composite_call_credentials(*call_credentials):
    """CallCredentials made of several; their metadata goes out in this order."""
    return CallCredentials(sum((call_plugins(one) for one in call_credentials), ()))


def call_plugins(credentials):
    """The plugins of CallCredentials.

    Raises:
        AttributeError, TypeError: something else than CallCredentials.
    """
    return _inner(credentials, "call_credentials", tuple)


def composite_channel_credentials(channel_credentials, *call_credentials):
    """ChannelCredentials that apply CallCredentials to every call of the channel."""
    return ChannelCredentials(
        CompositeChannel(
            _inner(channel_credentials, "channel_credentials", ClientTls, CompositeChannel, Plaintext, Alts),
            composite_call_credentials(*call_credentials)._credentials,
        )
    )


def ssl_channel_credentials(root_certificates=None, private_key=None, certificate_chain=None):
    """ChannelCredentials for TLS.

    Args:
        root_certificates: PEM bytes of the authorities to trust. None: the file that
            GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, or else the system's.
        private_key: PEM bytes of the client's key for mutual TLS, or None.
        certificate_chain: PEM bytes of the client's certificates, or None.
    """
    return ChannelCredentials(ClientTls(root_certificates, private_key, certificate_chain))


def insecure_channel_credentials():
    """ChannelCredentials without encryption, for APIs that ask for credentials."""
    return ChannelCredentials(Plaintext(secure=False))


def local_channel_credentials(local_connect_type=None):
    """ChannelCredentials for connections that stay on this machine: no encryption, call credentials allowed."""
    return ChannelCredentials(Plaintext(secure=True))


def local_server_credentials(local_connect_type=None):
    """ServerCredentials for connections that stay on this machine: no encryption."""
    return ServerCredentials(Plaintext(secure=True))


def insecure_server_credentials():
    """ServerCredentials without encryption."""
    return ServerCredentials(Plaintext(secure=False))


def ssl_server_credentials(private_key_certificate_chain_pairs, root_certificates=None, require_client_auth=False):
    """ServerCredentials for TLS.

    Args:
        private_key_certificate_chain_pairs: a non-empty sequence of PEM bytes (private key, certificate chain).
        root_certificates: PEM bytes of the authorities that clients' certificates are checked against, or None.
        require_client_auth: whether a client must have a certificate; needs `root_certificates`.

    Raises:
        ValueError: no pair, or client authentication without roots.
    """
    pairs = _pairs(private_key_certificate_chain_pairs)
    if require_client_auth and root_certificates is None:
        raise ValueError("Illegal to require client auth without providing root certificates!")
    return ServerCredentials(ServerTls(pairs, _pem(root_certificates), require_client_auth))


def ssl_server_certificate_configuration(private_key_certificate_chain_pairs, root_certificates=None):
    """The certificates for `dynamic_ssl_server_credentials`; arguments as for `ssl_server_credentials`."""
    pairs = _pairs(private_key_certificate_chain_pairs)
    return ServerCertificateConfiguration((pairs, _pem(root_certificates)))


def dynamic_ssl_server_credentials(
    initial_certificate_configuration, certificate_configuration_fetcher, require_client_authentication=False
):
    """ServerCredentials for TLS with certificates that can change.

    Args:
        initial_certificate_configuration: the certificates to begin with.
        certificate_configuration_fetcher: a callable that returns the next ones, or None to keep those in use.
        require_client_authentication: whether a client must have a certificate.
    """
    return ServerCredentials(
        DynamicServerTls(
            initial_certificate_configuration, certificate_configuration_fetcher, require_client_authentication
        )
    )


def alts_channel_credentials(service_accounts=None):
    """ChannelCredentials for ALTS. It works inside Google's network only: a channel cannot be made with them."""
    return ChannelCredentials(Alts())


def alts_server_credentials():
    """ServerCredentials for ALTS. It works inside Google's network only: no port can be bound with them."""
    return ServerCredentials(Alts())


def compute_engine_channel_credentials(call_credentials):
    """ChannelCredentials as on Google's Compute Engine: TLS, and these CallCredentials for every call.

    Between Google's own machines grpcio may use ALTS in place of TLS; this package does not.
    """
    return composite_channel_credentials(ssl_channel_credentials(), call_credentials)


def xds_channel_credentials(fallback_credentials=None):
    """The credentials an xDS channel falls back to; without a control plane these are used."""
    return fallback_credentials if fallback_credentials is not None else insecure_channel_credentials()


def xds_server_credentials(fallback_credentials):
    """The credentials an xDS server falls back to; without a control plane these are used."""
    return fallback_credentials


def _inner(credentials, argument, *kinds):
    """What credentials hold, if that is of one of these kinds. None is no credentials: nothing is plaintext by omission.

    Raises:
        AttributeError: an object that is no credentials at all, None included; as in grpcio.
        TypeError: credentials of another kind.
    """
    inner = credentials._credentials
    if not isinstance(inner, kinds):
        raise TypeError(f"Argument '{argument}' has incorrect type (got {type(credentials).__name__})")
    return inner


def _refuse_alts(inner):
    if isinstance(inner, Alts):
        raise RuntimeError("ALTS works inside Google's network only and is not part of this package; use TLS credentials")


def split_channel(credentials):
    """(transport, plugins, secure) of ChannelCredentials.

    `transport` is a ClientTls or None for plaintext; `secure` says whether call credentials may be sent.

    Raises:
        AttributeError, TypeError: something else than ChannelCredentials.
        RuntimeError: credentials for ALTS.
    """
    plugins = ()
    inner = _inner(credentials, "channel_credentials", ClientTls, CompositeChannel, Plaintext, Alts, type(None))
    while isinstance(inner, CompositeChannel):
        plugins += inner.plugins
        inner = inner.channel
    _refuse_alts(inner)
    if inner is None:
        # `ChannelCredentials(None)`, plaintext in grpcio: what nobody asked for by name is TLS.
        inner = ClientTls(None, None, None)
    if isinstance(inner, ClientTls):
        return inner, plugins, True
    return None, plugins, inner.secure


def split_server(credentials):
    """(pairs, root_certificates, require_client_auth) of ServerCredentials, or None for plaintext.

    Raises:
        AttributeError, TypeError: something else than ServerCredentials.
        RuntimeError: credentials for ALTS.
    """
    inner = _inner(credentials, "server_credentials", ServerTls, DynamicServerTls, Plaintext, Alts)
    _refuse_alts(inner)
    if isinstance(inner, Plaintext):
        return None
    if isinstance(inner, DynamicServerTls):
        configuration = inner.fetcher() or inner.initial
        pairs, roots = configuration._certificate_configuration
        return pairs, roots, inner.require_client_auth
    return inner.pairs, inner.root_certificates, inner.require_client_auth
