"""Free ports on 127.0.0.1, remembered in the data directory and used again while they are free.

A port is chosen seconds before its server listens there. Until then nothing shows others that it is taken, so whoever
chooses one reserves it: with a UDP socket on the same number, which hinders no TCP server, is nobody else's for as long
as it is open, and goes with its process.
"""

from __future__ import annotations

import json
import random
import socket
import weakref
from pathlib import Path

from foretide.whole_file import write_whole
from shared.problems import Category, ProblemError

_LOWEST, _HIGHEST = 20_000, 32_000
"""Below the range that systems hand to outgoing connections. A client that keeps trying to reach a server that
is down could otherwise be given the server's own port, connect to itself, and keep the server from coming back."""
_TRIES = 1000


class Ports:
    """Names and their ports; one instance per data directory at a time (its lock sees to that).

    What it has claimed stays reserved until ``release``, or until it is garbage: servers keep it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._remembered: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        self._claimed: dict[str, int] = {}
        self._reservations: list[socket.socket] = []
        self._release = weakref.finalize(self, _close, self._reservations)

    def release(self) -> None:
        """The servers have ended: others may claim their ports."""
        self._release()

    def claim(self, name: str) -> int:
        """The port of ``name``: the remembered one when nobody listens there now, else a new one.

        The same name gets the same port for as long as this object lives. Raises :class:`ProblemError` when
        no port is free.
        """
        assert self._release.alive, "released: what is claimed now would be nobody's"
        if name not in self._claimed:
            port = self._remembered.get(name)
            if port is None or not self._take(port):
                port = self._search()
            self._claimed[name] = port
            self._remember(name, port)
        return self._claimed[name]

    def _search(self) -> int:
        taken = set(self._remembered.values())
        for port in random.sample(range(_LOWEST, _HIGHEST), _TRIES):
            if port not in taken and self._take(port):
                return port
        raise ProblemError(
            Category.RESOURCE_EXHAUSTION,
            title="No free port",
            detail=f"None of {_TRIES} ports between {_LOWEST} and {_HIGHEST} on 127.0.0.1 was free.",
            recovery=["End programs that hold many ports, then try again."],
        )

    def _take(self, port: int) -> bool:
        reservation = reserve(port)
        if reservation is None:
            return False
        self._reservations.append(reservation)
        return True

    def _remember(self, name: str, port: int) -> None:
        self._remembered[name] = port
        write_whole(self._file, json.dumps(self._remembered, indent=1, sort_keys=True))


def reserve(port: int) -> socket.socket | None:
    """Keep a port that is free now from all others who choose theirs so, for as long as the socket is open."""
    reservation = socket.socket(type=socket.SOCK_DGRAM)
    try:
        reservation.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        return None
    if not is_free(port):
        reservation.close()
        return None
    return reservation


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of 127.0.0.1 now; connections in TIME_WAIT do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _close(reservations: list[socket.socket]) -> None:
    for reservation in reservations:
        reservation.close()
