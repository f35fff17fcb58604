"""Certificates, a service account and its token endpoint for one run of the official interop cases.

    python account_server.py FOLDER

Writes ca.pem, server.pem and server.key (for foo.test.google.fr, the name that the official programs use, and for
localhost), account.json (the key file of a service account) and token.json (an access token), says "ready" and answers
at the account's token_uri on the loopback interface: whoever shows an assertion signed by the account's key gets the
token (RFC 7523). Needs the packages trustme and cryptography.
"""
import base64
import http.server
import json
import os
import secrets
import sys
import urllib.parse

import trustme
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

EMAIL = "interop@carom.invalid"
SCOPE = "xapi.zoo"
LONGEST_REQUEST = 1 << 16


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def certificates(folder):
    authority = trustme.CA()
    write(folder, "ca.pem", authority.cert_pem.bytes())
    leaf = authority.issue_cert("foo.test.google.fr", "localhost", "127.0.0.1")
    write(folder, "server.pem", b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    write(folder, "server.key", leaf.private_key_pem.bytes())


def account(folder, port):
    """The key file as its users know it; gives the key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "type": "service_account",
        "project_id": "carom-interop",
        "private_key_id": secrets.token_hex(8),
        "private_key": pem.decode(),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    write(folder, "account.json", json.dumps(content).encode())
    return key.public_key()


def is_signed(assertion, key):
    signed, _, signature = assertion.rpartition(".")
    try:
        signature = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        key.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


class TokenEndpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = min(int(self.headers.get("content-length", 0)), LONGEST_REQUEST)
        form = urllib.parse.parse_qs(self.rfile.read(length).decode())
        if is_signed(form.get("assertion", [""])[0], self.server.key):
            status, answer = 200, {"access_token": self.server.token, "token_type": "Bearer", "expires_in": 3600}
        else:
            status, answer = 400, {"error": "invalid_grant"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main(folder):
    os.makedirs(folder, exist_ok=True)
    certificates(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint)
    server.key = account(folder, server.server_port)
    server.token = secrets.token_urlsafe(24)
    token = {"access_token": server.token, "email": EMAIL, "scope": SCOPE}
    write(folder, "token.json", json.dumps(token).encode())
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
