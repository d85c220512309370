"""The Socket.IO server's border: who may connect and for how long, and an answer to every request."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import socketio
from pydantic import ValidationError

from services.notifier.budgets import Budgets
from services.notifier.connections import Connection, Connections
from services.notifier.messages import SocketMessage
from services.notifier.requests import Answer, Requests
from services.notifier.rooms import Rooms
from services.notifier.twin import Twin
from shared.identity.errors import token_expired, token_missing
from shared.problems import Category, ProblemError, invalid_request, problem_of
from shared.runtime.service import Service
from shared.telemetry.logs import logger
from shared.telemetry.trace import continue_trace, current_trace_id

log = logger(__name__)

WARNING_SECONDS = 60.0
"""So long before its token's end a client is told, to send a newer one."""
_LARGEST_AT_WORK = 16
"""Requests of one client that are worked on at a time."""


class Sockets:
    """Binds connections, rooms and requests to a Socket.IO server."""

    def __init__(self, service: Service, server: socketio.AsyncServer, twin: Twin) -> None:
        self._service = service
        self.connections = Connections(
            server, warning_seconds=WARNING_SECONDS, on_expiring=self._expiring, on_expired=self._expired
        )
        self.rooms = Rooms(service.database, self.connections)
        self._budgets = Budgets(service.fair_use)
        self._requests = Requests(service, self.connections, self.rooms, twin).by_name
        server.on("connect", self._connect)
        server.on("disconnect", self._disconnect)
        server.on("*", self._answer)

    async def _connect(self, client: str, *given: Any) -> Answer | None:
        if self.connections.find(client) is not None:
            # A request of this name: the library would take it for a connection.
            return _refused(_unknown("connect", list(self._requests)))
        await self._admit(client, given[1] if len(given) > 1 else None)
        return None

    async def _admit(self, client: str, auth: Any) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        try:
            if not isinstance(token, str) or not token:
                raise token_missing()
            caller = await self._service.verifier.verify(token)
            if not self.connections.is_open(client):
                # It left while its token was verified, and will not be said to have gone.
                raise token_missing()
        except ProblemError as error:
            raise socketio.exceptions.ConnectionRefusedError("unauthorized", _shown(error)) from error
        connection = self.connections.add(client, caller, token)
        # Once the library has told the client that it is connected.
        expires_at = {"expires_at": caller.expires_at.isoformat()}
        asyncio.get_running_loop().call_soon(self._tell, connection, "connected", expires_at)

    async def _disconnect(self, client: str, *_: Any) -> Answer | None:
        if not self.connections.is_leaving(client):
            return _refused(_unknown("disconnect", list(self._requests)))
        self.connections.remove(client)
        self.rooms.leave_all(client)
        return None

    def _expiring(self, connection: Connection) -> None:
        data = {
            "expires_at": connection.caller.expires_at.isoformat(),
            "seconds": WARNING_SECONDS,
            "recovery": ["Send refresh_token {token} with a newer one to stay connected."],
        }
        self._tell(connection, "token_expiring", data)

    def _expired(self, connection: Connection) -> None:
        """The token's time is over: the connection says so and ends; a client with a newer one may come back."""
        self._tell(connection, "error", {"problem": _shown(token_expired())})
        self.connections.end(connection.id)

    def _tell(self, connection: Connection, event: str, data: dict[str, Any]) -> None:
        common = {"session_id": None, "sequence": None, "time": datetime.now(UTC).isoformat()}
        self.connections.send(connection.id, self.connections.frame(SocketMessage(event, {**common, **data})))

    async def _answer(self, name: str, client: str, *data: Any) -> Answer | None:
        """Every request is answered: ``{ok: true, …}`` or ``{ok: false, problem}``."""
        connection = self.connections.find(client)
        if connection is None or not self.connections.keeps_up(client):
            # The client has gone, or does not read its answers.
            return None
        connection.requests_at_work += 1
        try:
            with continue_trace(None):
                return await self._attempt(connection, name, data)
        finally:
            connection.requests_at_work -= 1

    async def _attempt(self, connection: Connection, name: str, data: tuple[Any, ...]) -> Answer:
        try:
            if connection.requests_at_work > _LARGEST_AT_WORK:
                raise _too_many_at_once()
            request = self._requests.get(name)
            if request is None:
                raise _unknown(name, list(self._requests))
            ask = request.ask.model_validate(data[0] if data else None)
            async with connection.turn if request.in_turn else nullcontext():
                if request.counted:
                    await self._budgets.take(connection.caller.user_id)
                return {"ok": True, **await request.answer(connection, ask)}
        except ValidationError as error:
            return _refused(invalid_request(error.errors()))
        except ProblemError as error:
            return _refused(error)
        except Exception as error:
            log.exception("socket request broke", request=name)
            return _refused(error)


def _refused(error: Exception) -> Answer:
    return {"ok": False, "problem": _shown(error)}


def _shown(error: Exception) -> dict[str, Any]:
    return problem_of(error, current_trace_id()).model_dump(mode="json", exclude_none=True)


def _unknown(name: str, known: list[str]) -> ProblemError:
    return ProblemError(
        Category.NOT_FOUND,
        title="There is no such request",
        detail=f"{name[:64]!r} is none of {', '.join(known)}.",
        recovery=["Choose one of these names."],
    )


def _too_many_at_once() -> ProblemError:
    return ProblemError(
        Category.RATE_LIMITED,
        title="Too many requests at once",
        detail=f"This connection has {_LARGEST_AT_WORK} requests that are not answered yet.",
        recovery=["Wait for the answers before asking more."],
        retryable=True,
    )
