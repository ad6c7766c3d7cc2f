"""Groups of real servers: a cluster of three masters, and a master with sentinels."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.cluster import RedisCluster

from featurestore.demo.server import find_server

SLOTS = 16_384
SECONDS_TO_SETTLE = 20


def free_port() -> int:
    """Return a free port whose cluster bus port, 10,000 above it, is free too."""
    while True:
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port > 50_000:
                continue
            try:
                bus.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


def until(condition, what):
    """Wait for a condition; raise AssertionError after a time-out."""
    deadline = time.monotonic() + SECONDS_TO_SETTLE
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not in {SECONDS_TO_SETTLE} s: {what}")


@dataclass
class Server:
    """One server that can be killed and restarted; it saves nothing to disk."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(find_server())]
        if "--sentinel" in self.options:
            command.append(str(self.folder / "sentinel.conf"))
        command += ["--port", str(self.port), "--dir", str(self.folder), *self.options]
        command += ["--bind", "127.0.0.1", "--logfile", str(self.folder / "log")]
        if "--sentinel" not in self.options:
            command += ["--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(self.client().ping, f"a server on port {self.port}")

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> redis.Redis:
        """Return a client of this server alone."""
        return redis.Redis(port=self.port, socket_timeout=5)


@dataclass
class Cluster:
    """Masters without replicas, each with a third of the slots."""

    nodes: list[Server]

    @property
    def url(self) -> str:
        """The cluster's URL, with one known node."""
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def client(self) -> RedisCluster:
        """Return a client of the whole cluster."""
        return RedisCluster("127.0.0.1", self.nodes[0].port, require_full_coverage=False)

    def settled(self) -> bool:
        """Return whether every node knows the owner of every slot."""
        states = [node.client().cluster("INFO") for node in self.nodes]
        return all(
            state["cluster_state"] == "ok" and state["cluster_slots_ok"] == str(SLOTS)
            for state in states
        )

    def identity(self, index: int) -> str:
        """Return a node's id in the cluster."""
        return self.nodes[index].client().cluster("MYID").decode()

    def owner(self, slot: int) -> int:
        """Return the number of the node that owns a slot."""
        for start, end, (_, port, *_rest), *_replicas in (
            self.nodes[0].client().execute_command("CLUSTER SLOTS")
        ):
            if start <= slot <= end:
                return next(i for i, node in enumerate(self.nodes) if node.port == port)
        raise AssertionError(f"slot {slot} has no owner")

    def move(self, slot: int, target: int) -> None:
        """Move a slot to another node, key by key, as resharding does."""
        for _ in self.moving(slot, target):
            pass

    def moving(self, slot: int, target: int) -> Iterator[None]:
        """Move a slot; pause after the move starts, and after half of its keys."""
        source = self.owner(slot)
        there, here = self.nodes[target].client(), self.nodes[source].client()
        there.cluster("SETSLOT", slot, "IMPORTING", self.identity(source))
        here.cluster("SETSLOT", slot, "MIGRATING", self.identity(target))
        yield
        keys = here.cluster("GETKEYSINSLOT", slot, 100_000)
        half = keys[: len(keys) // 2]
        for part in (half, None):
            left = here.cluster("GETKEYSINSLOT", slot, 100_000) if part is None else part
            for key in left:
                here.migrate("127.0.0.1", self.nodes[target].port, key, 0, 5_000)
            if part is not None:
                yield
        for node in (self.nodes[target], self.nodes[source], *self.nodes):
            node.client().cluster("SETSLOT", slot, "NODE", self.identity(target))


@contextmanager
def running_cluster(
    folder: Path, announced: Callable[[int], int] | None = None
) -> Iterator[Cluster]:
    """Run three masters for the length of a block.

    Args:
        folder: A folder for the servers' files.
        announced: Returns the port that a node announces to clients, from its own port.
    """
    options = ("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
    options += ("--cluster-node-timeout", "2000", "--appendonly", "no")
    nodes = [Server(folder / str(index), free_port(), options) for index in range(3)]
    for node in nodes if announced else ():
        node.options += ("--cluster-announce-port", str(announced(node.port)))
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(node.stop)
            node.start()
        bounds = [SLOTS * index // 3 for index in range(4)]
        for index, node in enumerate(nodes):
            # Redis 6.2 lacks ADDSLOTSRANGE, which came with Redis 7.
            node.client().cluster("ADDSLOTS", *range(bounds[index], bounds[index + 1]))
            node.client().cluster("SET-CONFIG-EPOCH", index + 1)
        for node in nodes[1:]:
            nodes[0].client().cluster("MEET", "127.0.0.1", node.port)
        cluster = Cluster(nodes)
        until(cluster.settled, "a cluster of three masters")
        yield cluster


@dataclass
class Watched:
    """A master with a replica, and a sentinel that watches them."""

    master: Server
    replica: Server
    sentinel: Server

    @property
    def url(self) -> str:
        """The URL by which a client finds the current master."""
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/features/0"

    def replicated(self) -> bool:
        """Return whether the replica has all writes of the master."""
        master, replica = (s.client().info("replication") for s in (self.master, self.replica))
        return (
            replica["master_link_status"] == "up"
            and replica["slave_repl_offset"] == master["master_repl_offset"]
        )

    def promoted(self) -> bool:
        """Return whether the sentinel names the replica as the master."""
        found = self.sentinel.client().execute_command(
            "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "features"
        )
        role = self.replica.client().role()[0]
        return int(found[1]) == self.replica.port and role in (b"master", "master")


@contextmanager
def running_sentinel(folder: Path) -> Iterator[Watched]:
    """Run a master with a replica and a sentinel for the length of a block."""
    master, replica = (Server(folder / name, free_port()) for name in ("master", "replica"))
    replica.options = ("--replicaof", "127.0.0.1", str(master.port))
    replica.options += ("--repl-diskless-sync-delay", "0")
    master.options = ("--repl-diskless-sync-delay", "0")
    sentinel = Server(folder / "sentinel", free_port(), ("--sentinel",))
    sentinel.folder.mkdir(parents=True)
    (sentinel.folder / "sentinel.conf").write_text(
        f"sentinel monitor features 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds features 1000\n"
        "sentinel failover-timeout features 5000\n"
    )
    with ExitStack() as stack:
        for server in (master, replica, sentinel):
            stack.callback(server.stop)
        watched = Watched(master, replica, sentinel)
        master.start()
        replica.start()
        until(watched.replicated, "a replica in step")
        # Start the sentinel last: it would take a master that is busy starting for a dead one.
        sentinel.start()
        # The sentinel asks the master for its replicas every ten seconds.
        until(lambda: _knows(sentinel), "a sentinel that knows the replica")
        yield watched


def _knows(sentinel: Server) -> bool:
    return bool(sentinel.client().execute_command("SENTINEL", "REPLICAS", "features"))
