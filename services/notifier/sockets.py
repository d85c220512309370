"""The Socket.IO server: who may connect, what clients may ask, what they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import socketio
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notifier.events import LARGEST_SEQUENCE
from services.notifier.messages import SocketMessage, room_of
from services.notifier.rooms import Rooms
from services.notifier.snapshot import snapshot_of
from shared.delivery import outbox
from shared.events.payloads import Payload, TrainingCancel, TrainingStart
from shared.problems import Category, ProblemError, internal_problem
from shared.runtime.service import Service
from shared.series.configuration_fields import Real
from shared.series.parameters.search import LONGEST_SECONDS
from shared.sessions.rows import own_session
from shared.telemetry.logs import logger
from shared.telemetry.trace import continue_trace, current_trace_id

log = logger(__name__)

Answer = dict[str, Any]


class Ask(BaseModel):
    """What a client sends with a request."""

    model_config = ConfigDict(extra="ignore")

    session_id: str = Field(min_length=1, max_length=128)
    after: int | None = Field(default=None, ge=0, le=LARGEST_SEQUENCE)
    models: list[dict[str, Any]] | None = Field(default=None, max_length=50)
    time_limit_seconds: Real | None = Field(default=None, ge=1, le=LONGEST_SECONDS)


class Sockets:
    """Binds the requests of contracts section 2 to a Socket.IO server."""

    def __init__(self, service: Service, server: socketio.AsyncServer) -> None:
        self._service = service
        self._server = server
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.rooms = Rooms(service.database, self.emit)
        server.on("connect", self._connect)
        server.on("disconnect", self._disconnect)
        for name, answer in (
            ("join_session", self._join),
            ("leave_session", self._leave),
            ("get_status", self._status),
            ("start_training", self._start),
            ("cancel_training", self._cancel),
        ):
            server.on(name, self._answering(name, answer))

    async def emit(self, message: SocketMessage, to: str) -> None:
        """Send to a room or a client of this replica."""
        await self._server.emit(message.event, message.data, to=to)

    async def _connect(self, client: str, _: dict[str, Any], auth: Any = None) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        try:
            if not isinstance(token, str) or not token:
                raise ProblemError(
                    Category.UNAUTHORIZED,
                    title="A token is needed",
                    detail="Connect with auth: {token: <jwt>}.",
                    recovery=["Sign in, or take the token from `foretide token`."],
                )
            caller = await self._service.verifier.verify(token)
        except ProblemError as error:
            raise socketio.exceptions.ConnectionRefusedError(
                "unauthorized", error.problem.model_dump(mode="json", exclude_none=True)
            ) from error
        await self._server.save_session(client, {"user_id": str(caller.user_id)})
        seconds = max(0.0, (caller.expires_at - datetime.now(UTC)).total_seconds())
        self._timers[client] = asyncio.get_running_loop().call_later(seconds, self._expire, client)

    def _expire(self, client: str) -> None:
        """The token's time is over: the connection ends, and a client with a fresh one comes back."""
        self._ending.add(task := asyncio.create_task(self._server.disconnect(client)))
        task.add_done_callback(self._ending.discard)

    async def _disconnect(self, client: str, *_: Any) -> None:
        if timer := self._timers.pop(client, None):
            timer.cancel()
        self.rooms.leave(client)

    def _answering(
        self, name: str, answer: Callable[[str, UUID, Ask], Awaitable[Answer]]
    ) -> Callable[..., Awaitable[Answer]]:
        """Every request is answered: ``{ok: true, …}`` or ``{ok: false, problem}``."""

        async def handle(client: str, data: Any = None) -> Answer:
            with continue_trace(None):
                try:
                    user_id = UUID((await self._server.get_session(client))["user_id"])
                    (await self._service.fair_use.ask(user_id)).check()
                    return {"ok": True, **await answer(client, user_id, Ask.model_validate(data))}
                except ValidationError as error:
                    fault = error.errors()[0]
                    where = ".".join(str(part) for part in fault["loc"]) or "the message"
                    problem = ProblemError(
                        Category.DATA_VALIDATION,
                        title="The request is not as expected",
                        detail=f"{name}: {where}: {fault['msg']}",
                        recovery=["Send an object with session_id."],
                    ).problem
                except ProblemError as error:
                    problem = error.problem
                except Exception:
                    log.exception("socket request broke", request=name)
                    problem = internal_problem(current_trace_id())
                return {"ok": False, "problem": problem.model_dump(mode="json", exclude_none=True)}

        return handle

    async def _join(self, client: str, user_id: UUID, ask: Ask) -> Answer:
        snapshot = await self._snapshot(user_id, ask.session_id)
        sequence = await self.rooms.join(
            client,
            ask.session_id,
            ask.after,
            enter=lambda: self._server.enter_room(client, room_of(ask.session_id)),
        )
        return {"snapshot": snapshot, "sequence": sequence}

    async def _leave(self, client: str, _: UUID, ask: Ask) -> Answer:
        self.rooms.leave(client, ask.session_id)
        await self._server.leave_room(client, room_of(ask.session_id))
        return {}

    async def _status(self, _: str, user_id: UUID, ask: Ask) -> Answer:
        return {"status": await self._snapshot(user_id, ask.session_id)}

    async def _start(self, _: str, user_id: UUID, ask: Ask) -> Answer:
        await self._command(user_id, TrainingStart(**ask.model_dump(exclude={"after"})))
        return {"status": "training_started"}

    async def _cancel(self, _: str, user_id: UUID, ask: Ask) -> Answer:
        await self._command(user_id, TrainingCancel(session_id=ask.session_id))
        return {"status": "cancelling"}

    async def _snapshot(self, user_id: UUID, session_id: str) -> Answer:
        async with self._service.database.transaction(user_id) as transaction:
            return await snapshot_of(transaction, await own_session(transaction, user_id, session_id))

    async def _command(self, user_id: UUID, command: TrainingStart | TrainingCancel) -> None:
        async with self._service.database.transaction(user_id) as transaction:
            await own_session(transaction, user_id, command.session_id)
            async with transaction.as_service():
                payload: Payload = command
                await outbox.record(
                    transaction, payload, source="notifier", session_id=command.session_id, user_id=user_id
                )
