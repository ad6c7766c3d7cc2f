"""A TLS proxy for servers that are built without TLS, and its certificates."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_HANDSHAKE = b"\x16"
_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Authority:
    """A certificate authority with one certificate for a server and one for a client."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The authority's own certificate, which verifies the others."""
        return self.folder / "ca.pem"

    @classmethod
    def make(cls, folder: Path, names: str = _NAMES) -> Authority:
        """Create an authority and its certificates; the server's is valid for `names`."""
        folder.mkdir(parents=True)
        made = cls(folder)
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        made._request("ca", "/CN=Test authority", "-x509", "-days", "2", *usage)
        for name in ("server", "client"):
            made._request(name, f"/CN={name}")
            made._sign(name, names)
        return made

    def pair(self, name: str) -> tuple[Path, Path]:
        """Return the paths of a certificate and of its key."""
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _request(self, name: str, subject: str, *options: str) -> None:
        out = [f"{name}.pem" if options else f"{name}.csr", "-keyout", f"{name}.key"]
        self._run("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, *options, "-out", *out)

    def _sign(self, name: str, names: str) -> None:
        extensions = f"{names}\nauthorityKeyIdentifier=keyid\n"
        (self.folder / "names").write_text(extensions, encoding="utf-8")
        signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
        files = ["-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", "names"]
        self._run("x509", "-req", *signer, *files)

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@dataclass
class Proxy:
    """A TLS port that forwards the decrypted data to a server without TLS.

    Attributes:
        target: The server's port.
        context: The settings of TLS.
        plain: Whether connections without TLS are accepted too.
        port: The port to connect to.
        encrypted: The number of connections with TLS.
        unencrypted: The number of connections without TLS.
    """

    target: int
    context: ssl.SSLContext
    plain: bool = False
    encrypted: int = 0
    unencrypted: int = 0
    _listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        """Listen; connections wait until the proxy runs."""
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """The port to connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                taken, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(taken,), daemon=True).start()

    def close(self) -> None:
        """Stop accepting connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _handle(self, taken: socket.socket) -> None:
        with contextlib.suppress(OSError), taken:
            encrypted = taken.recv(1, socket.MSG_PEEK) == _HANDSHAKE
            self.encrypted += encrypted
            self.unencrypted += not encrypted
            if encrypted or not self.plain:
                taken = self.context.wrap_socket(taken, server_side=True)
            with taken, socket.create_connection(("127.0.0.1", self.target)) as server:
                _pump(taken, server)


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Forward data in both directions until one side ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                source, sink = key.fileobj, key.data
                data = source.recv(65_536)
                # The selector does not see data that TLS has already decrypted.
                while isinstance(source, ssl.SSLSocket) and source.pending():
                    data += source.recv(65_536)
                if not data:
                    return
                sink.sendall(data)


@contextmanager
def tls_in_front_of(
    target: int, authority: Authority, *, mutual: bool = False, plain: bool = False
) -> Iterator[Proxy]:
    """Run a TLS proxy in front of a server for the length of a block.

    Args:
        target: The server's port.
        authority: The authority of the server's certificate.
        mutual: Whether a client must present a certificate too.
        plain: Whether connections without TLS are accepted too.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.pair("server"))
    if mutual:
        context.load_verify_locations(authority.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    proxy = Proxy(target, context, plain)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
