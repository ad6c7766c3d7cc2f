"""PostgreSQL: a server of its own, Debian's or a wheel's, run by an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from tests.engines.base import ZONE, driver
from tests.support.scenarios import ARROW

_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_SORTED_UNLIKE_BYTES = "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"


class Postgres:
    """A server, and a session on a database that sorts text unlike its bytes where it can."""

    dialect = "postgres"
    types: ClassVar = {
        **{name: name for name in ARROW},
        "double": "double precision",
        "timestamp_s": "timestamp",
        "timestamp_ns": "timestamp",
        "varchar": "text",
    }

    def __init__(self) -> None:
        psycopg = driver("psycopg")
        self.folder = Path(tempfile.mkdtemp(prefix="featurestore-postgres-"))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = str(probe.getsockname()[1])
        # The server refuses to run as root: then it runs as nobody.
        self.user = pwd.getpwnam(
            "nobody" if os.geteuid() == 0 else str(pwd.getpwuid(os.geteuid())[0])
        )
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.stop = self._start_debian(port) if _DEBIAN else self._start_wheel(port)
        address = f"postgresql://postgres:postgres@127.0.0.1:{port}"
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            # The wheel's server has no ICU.
            connection.execute(f"CREATE DATABASE shop {_SORTED_UNLIKE_BYTES if _DEBIAN else ''}")
        self.connection = psycopg.connect(
            f"{address}/shop",
            autocommit=True,
            prepare_threshold=None,
            row_factory=psycopg.rows.dict_row,
        )
        self.connection.execute(f"SET TIME ZONE '{ZONE}'")

    def _start_debian(self, port):
        programs, data = _DEBIAN[-1], str(self.folder / "data")
        self._run(
            programs / "initdb", "--pgdata", data, "--auth", "trust", "--username", "postgres"
        )
        options = f"-p {port} -k '' -F -c listen_addresses=127.0.0.1"
        control = (programs / "pg_ctl", "--pgdata", data, "--wait")
        self._run(*control, "--options", options, "--log", str(self.folder / "log"), "start")
        return lambda: self._run(*control, "--mode", "fast", "stop")

    def _start_wheel(self, port):
        program = self.folder / "pg0"
        shutil.copy(Path(driver("pg0").__file__).parent / "bin" / "pg0", program)
        data = str(self.folder / "data")
        self._run(program, "start", "--name", "tests", "--port", port, "--data-dir", data)
        return lambda: self._run(program, "stop", "--name", "tests")

    def _run(self, *command):
        root = os.geteuid() == 0
        subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
            user=self.user.pw_uid if root else None,
            group=self.user.pw_gid if root else None,
            extra_groups=[] if root else None,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def create(self, name, types, rows):
        """Create a table; what goes into a zoned column says its zone itself."""
        typed = ", ".join(f'"{column}" {self.types[types[column]]}' for column in types)
        self.connection.execute(f"DROP TABLE IF EXISTS {name}")
        self.connection.execute(f"CREATE TABLE {name} ({typed})")
        marks = ", ".join(f"%s::{self.types[data_type]}" for data_type in types.values())
        with self.connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {name} VALUES ({marks})",
                [[row[column] for column in types] for row in rows],
            )
        return f'"shop"."public"."{name}"'

    def rows(self, sql):
        """Run a query."""
        return self.connection.execute(sql).fetchall()

    def close(self):
        """End the session, stop the server and remove its files."""
        self.connection.close()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
