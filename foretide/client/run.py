"""One whole run as its user sees it: upload, configure, watch, compare."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from foretide.client.http import Client
from foretide.client.watch import Message, watch
from shared.problems import Problem, ProblemError

_END_EVENTS = ("training_complete", "training_cancelled", "session_deleted")
_SILENCE_SECONDS = 15.0


class Display(Protocol):
    """Shows what happens."""

    def uploading(self, file_name: str, sent: int, total: int) -> None:
        """Bytes of a file that are on the server."""
        ...

    def session(self, session_id: str) -> None:
        """The session exists."""
        ...

    def message(self, message: Message) -> None:
        """Something from the socket."""
        ...


async def run_session(
    client: Client, files: list[Path], configuration: dict[str, Any], display: Display, *, name: str | None = None
) -> str:
    """Upload, create the session, configure, generate, train and wait for the end; the session's id.

    Raises the problem of whatever failed; the session stays usable.
    """
    upload_ids = []
    for file in files:
        upload_ids.append(await client.upload(file, on_progress=partial(display.uploading, file.name)))
    session_id = await client.create_session(upload_ids, name)
    display.session(session_id)
    await client.configure(session_id, configuration)
    async with watch(client.url, client.token, session_id) as messages:
        await client.generate_and_train(session_id)
        await _until_end(client, session_id, messages, display)
    return session_id


async def _until_end(client: Client, session_id: str, messages: asyncio.Queue[Message], display: Display) -> None:
    while True:
        try:
            async with asyncio.timeout(_SILENCE_SECONDS):
                message = await messages.get()
        except TimeoutError:
            # Silence: is it over, or only slow?
            status = await client.status(session_id)
            if status["phase"] in ("completed", "cancelled"):
                return
            if status["phase"] == "failed":
                raise ProblemError.of(Problem.model_validate(status["problem"])) from None
            continue
        display.message(message)
        if message.event in _END_EVENTS:
            return
        if message.event == "error" and "job_id" not in message.data:
            raise ProblemError.of(Problem.model_validate(message.data["problem"]))
