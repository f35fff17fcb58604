"""Makes the certificates of one run: an authority, a server for localhost, a client.

    python make_certs.py FOLDER

Writes ca.pem, server.pem, server.key, client.pem and client.key. Needs the package trustme.
"""
import os
import sys

import trustme


def main(folder):
    os.makedirs(folder, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(os.path.join(folder, "ca.pem"))
    for name, identities in (("server", ["localhost", "127.0.0.1", "::1"]), ("client", ["rig-client"])):
        leaf = authority.issue_cert(*identities)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        with open(os.path.join(folder, name + ".pem"), "wb") as file:
            file.write(chain)
        leaf.private_key_pem.write_to_path(os.path.join(folder, name + ".key"))


if __name__ == "__main__":
    main(sys.argv[1])
