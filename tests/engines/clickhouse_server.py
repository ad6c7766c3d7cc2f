"""ClickHouse over HTTP: chdb, the engine as a library, behind the part of its protocol we use.

A ClickHouse server cannot be installed from a registry of packages. chdb is the same engine without
the server, so here a few lines take requests as the server does: sessions by `session_id`, settings
as parameters, credentials, and errors with their code.
"""

from __future__ import annotations

import base64
import re
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from tests.engines.base import ZONE, driver
from tests.engines.clickhouse_engine import ClickHouse

_NOT_SETTINGS = frozenset({
    *("query", "database", "session_id", "session_timeout", "query_id", "default_format"),
    *("client_protocol_version", "compress", "decompress", "enable_http_compression"),
    *("wait_end_of_query", "send_progress_in_http_headers", "http_headers_progress_interval_ms"),
    *("role", "quota_key", "session_check", "buffer_size"),
})  # fmt: skip
_END = b"\xff\xff\xff\xff\0\0\0\0"
"""The end of an Arrow stream."""
_STATUS = {60: 404, 81: 404, 497: 403, 516: 403}


class ClickHouseServer(ClickHouse):
    """An engine of ClickHouse, and a server in front of it.

    Attributes:
        port: The port that it listens on.
        broken: The engine's words that end the next result in place of its end.
    """

    types: ClassVar = {**ClickHouse.types, "bigint[]": "Array(Nullable(Int64))"}

    def __init__(self, user="default", password=""):
        self.chdb = driver("chdb")
        super().__init__()
        self.credentials = f"{user}:{password}"
        self.lock = threading.Lock()
        self.sessions = {}
        self.broken = None
        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"engine": self})
        )
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, parameters, body):
        """Return the bytes of a statement's result."""
        with self.lock:
            name = parameters.get("session_id", "")
            if name not in self.sessions:
                self.sessions[name] = self.chdb.connect(":memory:")
                self.sessions[name].query(f"SET session_timezone = '{ZONE}'")
            session = self.sessions[name]
            session.query(f"USE `{parameters.get('database', 'default')}`")
            for setting, value in parameters.items():
                if setting not in _NOT_SETTINGS:
                    session.query(f"SET {setting} = '{value}'")
            statement = parameters.get("query") or body.decode()
            if "query" in parameters and body:
                return self._insert(session, statement, body)
            result = session.query(statement, "TabSeparated").bytes()
            if self.broken and not statement.startswith("DESCRIBE"):
                result, self.broken = result.removesuffix(_END) + self.broken, None
            return result

    def _insert(self, session, statement, body):
        with tempfile.NamedTemporaryFile(suffix=".arrow") as file:
            Path(file.name).write_bytes(body)
            into, _, form = statement.rpartition("FORMAT")
            session.query(f"{into} FROM INFILE '{file.name}' FORMAT {form}")
        return b""

    def close(self):
        """End the server and its sessions."""
        self.server.shutdown()
        self.server.server_close()
        for session in self.sessions.values():
            session.close()
        super().close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: ClickHouseServer

    def do_POST(self):
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self._body()
        wanted = f"Basic {base64.b64encode(self.engine.credentials.encode()).decode()}"
        if self.headers.get("Authorization") != wanted:
            words = "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)"
            self._send(words.encode(), 516)
            return
        try:
            self._send(self.engine.answer(parameters, body))
        except Exception as error:  # noqa: BLE001, chdb raises its own and RuntimeError
            words = str(error)[str(error).find("Code: ") :]
            code = re.match(r"Code: (\d+)", words)
            self._send(words.encode(), int(code[1]) if code else 1)

    def _body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, content, code=None):
        self.send_response(200 if code is None else _STATUS.get(code, 500))
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Print nothing."""
