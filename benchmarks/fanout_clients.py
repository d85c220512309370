"""Many clients of a Socket.IO server in one process, which say when each message reached them.

python -m benchmarks.fanout_clients URL < JSON {"token": text, "sessions": [one for each client]}

Each line on standard input is then ``expect COUNT``: it answers with the JSON list of ``[sent, received]``
(``time.monotonic`` of the machine) of that many receipts, and ``end`` ends it. Clients speak the protocol over bare
WebSockets: a whole client library for each would be most of what is measured.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

import uvloop
import websockets
from websockets.asyncio.client import ClientConnection

EVENT = "results_deleted"
_AT_ONCE = 50


def message(session_id: str, number: int, sent: float) -> dict[str, Any]:
    """What the notifier makes of the event that the benchmark publishes; ``objects`` carries the time in µs."""
    return {
        "session_id": session_id,
        "sequence": number,
        "time": "2026-01-01T00:00:00+00:00",
        "results": 1,
        "objects": round(sent * 1e6),
    }


class Clients:
    """All of them, and the receipts that nobody asked for yet."""

    def __init__(self) -> None:
        self._receipts: list[tuple[float, float]] = []
        self._came = asyncio.Event()

    async def connect(self, url: str, token: str, sessions: list[str]) -> list[asyncio.Task[None]]:
        """Connect and join, so many at once; a task reads for each."""
        address = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
        waiting, tasks = iter(sessions), []

        async def some() -> None:
            for session_id in waiting:
                socket = await websockets.connect(address, proxy=None, compression=None, ping_interval=None)
                await socket.recv()
                await socket.send("40" + json.dumps({"token": token}))
                await socket.recv()
                await socket.send("420" + json.dumps(["join_session", {"session_id": session_id}]))
                while not (frame := str(await socket.recv())).startswith("430"):
                    pass
                if '"ok":true' not in frame:
                    raise RuntimeError(frame)
                tasks.append(asyncio.create_task(self._read(socket)))

        await asyncio.gather(*(some() for _ in range(_AT_ONCE)))
        return tasks

    async def _read(self, socket: ClientConnection) -> None:
        async for frame in socket:
            now = time.monotonic()
            text = str(frame)
            if text.startswith("42"):
                _, _, rest = text.partition('"objects":')
                self._receipts.append((int(rest.rstrip("}]")) / 1e6, now))
                self._came.set()
            elif text == "2":
                await socket.send("3")

    async def receipts(self, count: int) -> list[tuple[float, float]]:
        """The next so many."""
        while len(self._receipts) < count:
            self._came.clear()
            await self._came.wait()
        found, self._receipts = self._receipts[:count], self._receipts[count:]
        return found


async def _run(url: str) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 * 1024**2)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    asked = json.loads(await reader.readline())
    clients = Clients()
    tasks = await clients.connect(url, asked["token"], asked["sessions"])
    # A collection among so many clients takes a second, which would count as the server's.
    gc.disable()
    print("connected", flush=True)
    while (line := (await reader.readline()).decode().split())[:1] == ["expect"]:
        print(json.dumps(await clients.receipts(int(line[1]))), flush=True)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1]))
