"""A door to PostgreSQL for Redshift's driver, which greets with words that only Redshift knows."""

from __future__ import annotations

import re
import socket
import struct
import threading

_KNOWN = frozenset({b"user", b"database", b"application_name"})
_VERSION = re.compile(rb"(server_version\0[\d.]+)( [^\0]*)(?=\0)")


class RedshiftDoor:
    """A port that passes everything on to a server, but for the greeting of both sides."""

    def __init__(self, port):
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            server.sendall(_greeting(client))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()

    def close(self):
        """Take no more connections."""
        self._listener.close()


def _greeting(client):
    size = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))[0]
    content = client.recv(size - 4, socket.MSG_WAITALL)
    words = content[4:].rstrip(b"\0").split(b"\0")
    pairs = zip(words[::2], words[1::2], strict=False)
    kept = b"".join(name + b"\0" + value + b"\0" for name, value in pairs if name in _KNOWN)
    return struct.pack("!i", 4 + 4 + len(kept) + 1) + content[:4] + kept + b"\0"


def _shortened(found):
    """Return a version without the words after it, which Redshift does not write."""
    return found[1] + b" " * len(found[2])


def _pass_on(source, sink):
    try:
        while data := source.recv(65_536):
            sink.sendall(_VERSION.sub(_shortened, data))
    except OSError:
        pass
    finally:
        for end in (source, sink):
            end.close()
