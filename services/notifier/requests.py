"""What clients may ask over the socket, and what they are answered (contracts section 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.connections import Connection, Connections
from services.notifier.events import LARGEST_SEQUENCE
from services.notifier.messages import room_of, room_of_upload
from services.notifier.rooms import Rooms
from services.notifier.snapshot import shown, snapshot_of
from services.notifier.twin import Twin
from shared.identity.errors import token_invalid
from shared.runtime.service import Service
from shared.sessions.rows import own_session

Answer = dict[str, Any]


class Ask(BaseModel):
    """Base of what is sent with a request; what is not known is overlooked."""

    model_config = ConfigDict(extra="ignore")


class OfSession(Ask):
    """About one session."""

    session_id: str = Field(min_length=1, max_length=128)


class Join(OfSession):
    """``after``: the number of the last event that the client has; without it, what happens from now on is told."""

    after: int | None = Field(default=None, ge=0, le=LARGEST_SEQUENCE)


class OfUpload(Ask):
    """About a file that is being uploaded."""

    upload_id: str = Field(min_length=1, max_length=200)


class Command(OfSession):
    """Something to do: repeated under the same key it is done once, as with the header of that name."""

    idempotency_key: str | None = Field(
        default=None, min_length=1, max_length=255, pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$"
    )


class Start(Command):
    """As the body of ``POST /api/training/train-models``, which validates it."""

    models: Any = None
    time_limit_seconds: Any = None


class Refresh(Ask):
    """A newer token of the same user."""

    token: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request.

    ``counted``: one is taken of the user's budget here, not where it is passed on to. ``in_turn``: those of one client
    are done one after the other, as they came: who joins and leaves at once has left.
    """

    ask: type[Ask]
    answer: Callable[[Connection, Any], Awaitable[Answer]]
    counted: bool = True
    in_turn: bool = False


class Requests:
    """Every request by its name."""

    def __init__(self, service: Service, connections: Connections, rooms: Rooms, twin: Twin) -> None:
        self._service = service
        self._connections = connections
        self._rooms = rooms
        self._twin = twin
        self.by_name = {
            "join_session": Request(Join, self._join, in_turn=True),
            "leave_session": Request(OfSession, self._leave, counted=False, in_turn=True),
            "join_upload": Request(OfUpload, self._join_upload, in_turn=True),
            "leave_upload": Request(OfUpload, self._leave_upload, counted=False, in_turn=True),
            "get_status": Request(OfSession, self._status),
            "start_training": Request(Start, self._start, counted=False),
            "cancel_training": Request(Command, self._cancel, counted=False),
            "refresh_token": Request(Refresh, self._refresh, counted=False),
        }

    async def _join(self, connection: Connection, ask: Join) -> Answer:
        snapshot = await self._snapshot(connection, ask.session_id)
        current: int = snapshot["sequence"]
        after = current if ask.after is None else ask.after
        jobs = {job["job_id"]: job["progress"] for job in snapshot["jobs"]}
        sequence = await self._rooms.join(connection.id, ask.session_id, after=after, current=current, jobs=jobs)
        return {"snapshot": shown(snapshot), "sequence": sequence}

    async def _leave(self, connection: Connection, ask: OfSession) -> Answer:
        self._rooms.leave(connection.id, room_of(ask.session_id))
        return {}

    async def _join_upload(self, connection: Connection, ask: OfUpload) -> Answer:
        # A room of the client's own user: whatever the id, nobody else's upload is heard in it.
        self._rooms.join_upload(connection.id, room_of_upload(str(connection.caller.user_id), ask.upload_id))
        return {}

    async def _leave_upload(self, connection: Connection, ask: OfUpload) -> Answer:
        self._rooms.leave(connection.id, room_of_upload(str(connection.caller.user_id), ask.upload_id))
        return {}

    async def _status(self, connection: Connection, ask: OfSession) -> Answer:
        return {"status": shown(await self._snapshot(connection, ask.session_id))}

    async def _start(self, connection: Connection, ask: Start) -> Answer:
        body = ask.model_dump(include={"models", "time_limit_seconds"}, exclude_none=True)
        answer = await self._twin.post(
            connection, "/api/training/train-models", ask.session_id, key=ask.idempotency_key, body=body
        )
        return {"status": answer["status"], "run_id": answer["runId"]}

    async def _cancel(self, connection: Connection, ask: Command) -> Answer:
        answer = await self._twin.post(
            connection, "/api/training/cancel", ask.session_id, key=ask.idempotency_key, body={}
        )
        return {"status": answer["status"], "session_id": answer["sessionId"]}

    async def _refresh(self, connection: Connection, ask: Refresh) -> Answer:
        caller = await self._service.verifier.verify(ask.token)
        if caller.user_id != connection.caller.user_id:
            raise token_invalid("It is another user's than the one of this connection")
        self._connections.refresh(connection, caller, ask.token)
        return {"expires_at": caller.expires_at.isoformat()}

    async def _snapshot(self, connection: Connection, session_id: str) -> Answer:
        user_id = connection.caller.user_id
        async with self._service.database.transaction(user_id) as transaction:
            return await snapshot_of(transaction, await own_session(transaction, user_id, session_id))
