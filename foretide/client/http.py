"""A client of the HTTP API, as a user's program would write it: it knows the API alone."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import anyio
import httpx

from shared.problems import Category, Problem, ProblemError

CHUNK_BYTES = 1024 * 1024
_PARALLEL_CHUNKS = 4
_FILE_NAME = re.compile(r'filename="([^"]*)"')
_AWAY_SECONDS = 20.0
_AWAY_STATUSES = (502, 503)
_LATER_STATUSES = (409, 429)
_RETRY_SECONDS = 0.3


class Client:
    """Calls one Foretide as one user. Raises :class:`ProblemError` with the server's own problem."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(120, connect=15)
        )

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """Close."""
        await self._http.aclose()

    async def upload(
        self,
        path: Path,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        on_progress: Callable[[int, int], None] = lambda sent, total: None,
    ) -> str:
        """Send a file in chunks, several at a time; its upload id. ``on_progress`` gets bytes sent and in all."""
        size = _size(path)
        total = max(1, math.ceil(size / chunk_bytes))
        announced = await self.call(
            "POST",
            "/api/training/uploads",
            json={"fileName": path.name, "size": size, "totalChunks": total, "fileType": "input"},
        )
        upload_id: str = announced["uploadId"]
        slots = anyio.CapacityLimiter(_PARALLEL_CHUNKS)
        sent = 0
        failures: list[ProblemError] = []

        async def send(index: int) -> None:
            nonlocal sent
            async with slots:
                if failures:
                    return
                async with await anyio.open_file(path, "rb") as file:
                    await file.seek(index * chunk_bytes)
                    data = await file.read(chunk_bytes)
                try:
                    await self._send_chunk(upload_id, path.name, index, total, data)
                except ProblemError as error:
                    failures.append(error)
                sent += len(data)
                on_progress(sent, size)

        async with anyio.create_task_group() as group:
            for index in range(total):
                group.start_soon(send, index)
        if failures:
            raise failures[0]
        return upload_id

    async def _send_chunk(self, upload_id: str, file_name: str, index: int, total: int, data: bytes) -> None:
        await self.call(
            "POST",
            "/api/training/upload-chunk",
            data={
                "uploadId": upload_id,
                "chunkIndex": str(index),
                "totalChunks": str(total),
                "fileName": file_name,
                "chunkSha256": hashlib.sha256(data).hexdigest(),
            },
            files={"chunk": (file_name, data, "application/octet-stream")},
        )

    async def create_session(self, upload_ids: list[str], name: str | None = None) -> str:
        """A session of completed uploads; its id."""
        answer = await self.call(
            "POST", "/api/training/create-database-session", json={"uploadIds": upload_ids, "name": name}
        )
        session_id: str = answer["sessionId"]
        return session_id

    async def configure(self, session_id: str, configuration: dict[str, Any]) -> dict[str, Any]:
        """Store the configuration; it comes back as the server understood it."""
        return await self.call("PUT", f"/api/training/sessions/{session_id}/configuration", json=configuration)

    async def generate_and_train(self, session_id: str) -> None:
        """Make datasets from the stored configuration, then train its models."""
        await self.call("POST", f"/api/training/generate-datasets/{session_id}", params={"train": "true"})

    async def sessions(self) -> list[dict[str, Any]]:
        """All of my sessions, newest first."""
        return await self._items("/api/training/sessions")

    async def status(self, session_id: str) -> dict[str, Any]:
        """Phase, jobs and progress."""
        return await self.call("GET", f"/api/training/status/{session_id}")

    async def results(self, session_id: str) -> dict[str, Any]:
        """Stored results' metadata, of all pages, and the comparison."""
        first, *others = [page async for page in self._pages(f"/api/training/results/{session_id}")]
        return {**first, "results": [*first["results"], *(one for page in others for one in page["results"])]}

    async def plots(self, session_id: str) -> list[dict[str, Any]]:
        """Names and signed URLs of the session's plots."""
        return await self._items(f"/api/training/visualizations/{session_id}")

    async def download(self, path_or_url: str, target: Path, **parameters: str) -> Path:
        """Stream a file to ``target``, which gets the suffix of the answer's file name if it has none; its path."""
        async with self._http.stream("GET", path_or_url, params=parameters or None) as answer:
            if answer.is_error:
                await answer.aread()
                raise _problem(answer)
            if not target.suffix and (named := _FILE_NAME.search(answer.headers.get("content-disposition", ""))):
                target = target.with_suffix(Path(named[1]).suffix)
            async with await anyio.open_file(target, "wb") as file:
                async for block in answer.aiter_raw():
                    await file.write(block)
        return target

    async def _items(self, path: str) -> list[dict[str, Any]]:
        """All entries of a paged list."""
        return [item async for page in self._pages(path) for item in page["items"]]

    async def _pages(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """One page after the other."""
        cursor: str | None = None
        while True:
            page = await self.call("GET", path, params={"cursor": cursor} if cursor else None)
            yield page
            cursor = page["nextCursor"]
            if cursor is None:
                return

    async def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """One call; its JSON answer. Repeated while Foretide is away for a moment: a key makes that harmless.

        Where it says when to come back (429, or 409 while the same request is at work) it is asked again then.
        """
        headers = {"Idempotency-Key": uuid4().hex} if method == "POST" else {}
        deadline = anyio.current_time() + _AWAY_SECONDS
        while True:
            wait = _RETRY_SECONDS
            try:
                answer = await self._http.request(method, path, headers=headers, **arguments)
                later = answer.headers.get("retry-after") if answer.status_code in _LATER_STATUSES else None
                if later is not None:
                    wait = float(later)
                    deadline += wait
                elif answer.status_code not in _AWAY_STATUSES or anyio.current_time() > deadline:
                    break
            except httpx.HTTPError as error:
                if anyio.current_time() > deadline:
                    raise _no_answer(self.url, error) from error
            await anyio.sleep(wait)
        if answer.is_error:
            raise _problem(answer)
        document: dict[str, Any] = answer.json()
        return document


def _no_answer(url: str, error: httpx.HTTPError) -> ProblemError:
    return ProblemError(
        Category.BUS_UNAVAILABLE,
        title="Foretide does not answer",
        detail=f"{url}: {error or type(error).__name__}",
        recovery=["Check that it runs (`foretide doctor`) and that the address is right."],
        retryable=True,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ProblemError(
            Category.NOT_FOUND,
            title="There is no such file",
            detail=f"{path}: {error.strerror}.",
            recovery=["Check the path."],
        ) from error


def _problem(answer: httpx.Response) -> ProblemError:
    """The server's problem; something else in between (a proxy, say) becomes one here."""
    try:
        return ProblemError.of(Problem.model_validate(answer.json()))
    except ValueError:
        return ProblemError(
            Category.INTERNAL,
            title=f"The server answered {answer.status_code}",
            detail=answer.text[:500],
            recovery=["Check the address.", "Try again."],
        )
