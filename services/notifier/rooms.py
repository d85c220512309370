"""Rooms: every event of a session reaches its watchers once, in order, whatever the bus lost or repeated.

A room knows the number of the last event that it passed on. What arrives from the bus only says that there is
something new; a hole is filled from the database, a repetition dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.notifier.events import REPLAY_LIMIT, events_after, last_sequences
from services.notifier.messages import SocketMessage, event_message, progress_message, room_of
from shared.database.pool import Database
from shared.ending import end_tasks
from shared.events.envelope import Envelope
from shared.problems import ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

Emit = Callable[[SocketMessage, str], Awaitable[None]]
"""Send a message to a room or to one client, named by its id."""

_CATCH_UP_SECONDS = 2.0


@dataclass(slots=True)
class Room:
    """One watched session on this replica."""

    last_sequence: int
    members: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Rooms:
    """The watched sessions of this replica; ``emit`` reaches this replica's own clients only."""

    def __init__(self, database: Database, emit: Emit) -> None:
        self._database = database
        self._emit = emit
        self._rooms: dict[str, Room] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look after missed events in the background."""
        self._task = asyncio.create_task(self._catch_up_for_ever(), name="rooms")

    async def stop(self) -> None:
        """End."""
        if self._task:
            await end_tasks(self._task)

    async def join(self, client: str, session_id: str, after: int | None, enter: Callable[[], Awaitable[None]]) -> int:
        """Add a client; replay to it what came after ``after``, then ``enter`` it into the room.

        Nothing is passed on to the room meanwhile, so there is neither a hole nor a repetition between the two.
        Returns the number of the last event that the client has now.
        """
        async with self._database.transaction() as transaction:
            current = (await last_sequences(transaction, [session_id])).get(session_id, 0)
        room = self._rooms.setdefault(session_id, Room(current))
        async with room.lock:
            sequence = room.last_sequence if after is None else after
            while sequence < room.last_sequence:
                async with self._database.transaction() as transaction:
                    batch = await events_after(transaction, session_id, sequence)
                for envelope in batch:
                    number = envelope.sequence_number or 0
                    if number <= room.last_sequence:
                        await self._emit(event_message(envelope), client)
                    sequence = number
                if len(batch) < REPLAY_LIMIT:
                    break
            await enter()
            room.members.add(client)
            return room.last_sequence

    def leave(self, client: str, session_id: str | None = None) -> None:
        """Remove a client from one room, or from all."""
        for name in [session_id] if session_id else list(self._rooms):
            room = self._rooms.get(name)
            if room is not None:
                room.members.discard(client)
                if not room.members and not room.lock.locked():
                    del self._rooms[name]

    async def on_message(self, envelope: Envelope) -> None:
        """Something from the bus: pass it on if its session is watched here."""
        room = self._rooms.get(envelope.subject)
        if room is None:
            return
        if envelope.sequence_number is None:
            # Progress, or the word that nothing is left of a deleted session.
            message = progress_message(envelope) if envelope.name == "progress" else event_message(envelope)
            await self._emit(message, room_of(envelope.subject))
            return
        async with room.lock:
            if envelope.sequence_number == room.last_sequence + 1:
                await self._pass_on(envelope.subject, room, envelope)
            elif envelope.sequence_number > room.last_sequence:
                await self._fill(envelope.subject, room)

    async def _pass_on(self, session_id: str, room: Room, envelope: Envelope) -> None:
        await self._emit(event_message(envelope), room_of(session_id))
        room.last_sequence = envelope.sequence_number or room.last_sequence

    async def _fill(self, session_id: str, room: Room) -> None:
        while True:
            async with self._database.transaction() as transaction:
                batch = await events_after(transaction, session_id, room.last_sequence)
            for envelope in batch:
                await self._pass_on(session_id, room, envelope)
            if len(batch) < REPLAY_LIMIT:
                return

    async def _catch_up_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_CATCH_UP_SECONDS)
            try:
                await self._catch_up()
            except ProblemError as error:
                log.warning("rooms wait", error=str(error))
            except Exception:
                log.exception("rooms not caught up")

    async def _catch_up(self) -> None:
        watched = {name: room for name, room in self._rooms.items() if room.members or room.lock.locked()}
        self._rooms = dict(watched)
        if not watched:
            return
        async with self._database.transaction() as transaction:
            current = await last_sequences(transaction, list(watched))
        for session_id, room in watched.items():
            if current.get(session_id, 0) > room.last_sequence:
                async with room.lock:
                    await self._fill(session_id, room)
