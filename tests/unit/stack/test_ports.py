"""Ports: free, remembered, and never one that the system may give to a client."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretide.stack.ports import Ports, is_free


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """As servers set theirs: connections of earlier owners of the port may linger."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield server


def test_every_name_has_a_port_of_its_own(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")

    claimed = [ports.claim(f"server {number}") for number in range(50)]

    assert len(set(claimed)) == 50
    assert all(is_free(port) for port in claimed)


def test_a_name_keeps_its_port_from_run_to_run(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    first = ports.claim("database")
    ports.release()

    assert Ports(tmp_path / "ports.json").claim("database") == first


_CLAIMING = """
import sys
from pathlib import Path
from foretide.stack.ports import Ports

ports = Ports(Path(sys.argv[1]))
print(ports.claim("theirs"), flush=True)
sys.stdin.read()
"""


def test_nobody_else_gets_a_port_on_which_no_server_listens_yet(tmp_path: Path) -> None:
    """Two stacks that started at once could choose the same: one of their servers then never came up."""
    with subprocess.Popen(
        [sys.executable, "-c", _CLAIMING, tmp_path / "theirs.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        (tmp_path / "ours.json").write_text(json.dumps({"ours": theirs}))
        while_it_runs = Ports(tmp_path / "ours.json").claim("ours")
        other.kill()
    (tmp_path / "ours.json").write_text(json.dumps({"ours": theirs}))

    assert while_it_runs != theirs
    assert Ports(tmp_path / "ours.json").claim("ours") == theirs


def test_a_server_that_runs_keeps_its_port_though_it_is_not_free_now(tmp_path: Path, listener: socket.socket) -> None:
    ports = Ports(tmp_path / "ports.json")
    port = ports.claim("database")
    listener.bind(("127.0.0.1", port))
    listener.listen()

    assert ports.claim("database") == port


def test_a_remembered_port_that_somebody_else_took_is_replaced_for_good(
    tmp_path: Path, listener: socket.socket
) -> None:
    taken = Ports(tmp_path / "ports.json").claim("database")
    listener.bind(("127.0.0.1", taken))
    listener.listen()

    replacement = Ports(tmp_path / "ports.json").claim("database")
    listener.close()

    assert replacement != taken
    assert Ports(tmp_path / "ports.json").claim("database") == replacement


def test_ports_are_below_those_that_the_system_gives_to_clients(tmp_path: Path) -> None:
    """A client that retries against a dead server could be given the server's port and connect to itself."""
    with socket.socket() as client:
        client.bind(("127.0.0.1", 0))
        given_by_the_system = client.getsockname()[1]
    ports = Ports(tmp_path / "ports.json")

    assert all(ports.claim(str(number)) < min(given_by_the_system, 32_768) for number in range(100))


def test_a_port_is_free_again_while_old_connections_to_it_linger(tmp_path: Path, listener: socket.socket) -> None:
    port = Ports(tmp_path / "ports.json").claim("database")
    listener.bind(("127.0.0.1", port))
    listener.listen()
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = listener.accept()
    assert not is_free(port)

    # The side that closes first keeps the connection in TIME_WAIT: the server's here.
    accepted.close()
    client.recv(1)
    client.close()
    listener.close()

    assert is_free(port)
