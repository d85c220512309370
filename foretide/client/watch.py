"""Watching a session over Socket.IO: every numbered message once, in order, through lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import socketio

from shared.problems import Category, Problem, ProblemError

_CONNECT_SECONDS = 30
_REJOIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the socket; ``sequence`` is None on progress."""

    event: str
    data: dict[str, Any]

    @property
    def sequence(self) -> int | None:
        """The event's number in its session."""
        number: int | None = self.data.get("sequence")
        return number


@asynccontextmanager
async def watch(url: str, token: str, session_id: str, *, after: int = 0) -> AsyncIterator[asyncio.Queue[Message]]:
    """A queue of the session's messages from ``after`` on; after a lost connection it goes on where it stopped.

    What happens from when this is entered on is heard. Raises the problem of a session that cannot be watched; one that
    cannot be any more after a lost connection, as it was deleted, is a last message, ``error``.
    """
    queue: asyncio.Queue[Message] = asyncio.Queue()
    joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    client = socketio.AsyncClient(reconnection=True, reconnection_delay=0.2, reconnection_delay_max=2)
    last = after

    def receive(event: str, data: dict[str, Any]) -> None:
        nonlocal last
        message = Message(event, data)
        if message.sequence is not None:
            if message.sequence <= last:
                return
            last = message.sequence
        queue.put_nowait(message)

    async def join() -> None:
        # The service behind the gateway may still be restarting: ask until it answers.
        while True:
            try:
                answer = await client.call("join_session", {"session_id": session_id, "after": last}, timeout=10)
            except (socketio.exceptions.TimeoutError, socketio.exceptions.BadNamespaceError):
                await asyncio.sleep(_REJOIN_SECONDS)
                continue
            if answer["ok"]:
                return
            problem = Problem.model_validate(answer["problem"])
            if problem.status < 500 and problem.category is not Category.RATE_LIMITED:
                raise ProblemError.of(problem)
            await asyncio.sleep(_REJOIN_SECONDS)

    async def join_and_tell() -> None:
        try:
            await join()
        except ProblemError as error:
            if joined.done():
                queue.put_nowait(Message("error", {"problem": error.problem.model_dump(mode="json")}))
            else:
                joined.set_exception(error)
        else:
            if not joined.done():
                joined.set_result(None)

    def on_connect() -> None:
        for task in tasks:
            task.cancel()
        tasks.append(asyncio.create_task(join_and_tell()))

    tasks: list[asyncio.Task[None]] = []
    client.on("*", receive)
    client.on("connect", on_connect)
    try:
        await client.connect(url, auth={"token": token}, wait_timeout=_CONNECT_SECONDS, retry=True)
        await joined
        yield queue
    except socketio.exceptions.ConnectionError as error:
        raise ProblemError(
            Category.UNAUTHORIZED,
            title="The live connection was refused",
            detail=f"{url}: {error}",
            recovery=["Check the address and the token."],
        ) from error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.disconnect()
