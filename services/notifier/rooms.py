"""Rooms: every event of a session reaches its watchers once, in order, whatever the bus lost or repeated.

A room knows the number of the last event that it passed on. What arrives from the bus only says that there is
something new; a hole is filled from the database, a repetition dropped. Who joins reads what it missed at its own
speed, and is in the room from the moment when it has all that the room has.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.notifier.connections import Connections
from services.notifier.events import REPLAY_BATCH, events_after, last_sequences
from services.notifier.messages import SocketMessage, event_message, is_progress, is_told, room_of, room_of_message
from services.notifier.pace import Pace, jobs_of
from services.notifier.run_progress import RunProgress
from shared.database.pool import Database
from shared.ending import end_tasks
from shared.events.envelope import Envelope
from shared.problems import ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

_CATCH_UP_SECONDS = 2.0
_LONGEST_HOLD_SECONDS = 1.0
_AT_A_TIME = 50


@dataclass(slots=True)
class Room:
    """One watched session, or upload, on this replica.

    ``session_id`` is None for an upload, which has no numbered events. ``ahead``: members that have more than the
    room, each with the number of its last event.
    """

    session_id: str | None
    last_sequence: int = 0
    members: set[str] = field(default_factory=set)
    ahead: dict[str, int] = field(default_factory=dict)
    joining: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    pace: Pace = field(default_factory=Pace)
    run: RunProgress = field(default_factory=RunProgress)
    telling: asyncio.Task[None] | None = None


class Rooms:
    """The watched sessions of this replica."""

    def __init__(self, database: Database, connections: Connections) -> None:
        self._database = database
        self._connections = connections
        self._rooms: dict[str, Room] = {}
        self._joined: defaultdict[str, set[str]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look after missed events in the background."""
        self._task = asyncio.create_task(self._catch_up_for_ever(), name="rooms")

    async def stop(self) -> None:
        """End."""
        telling = [room.telling for room in self._rooms.values() if room.telling is not None]
        await end_tasks(*telling, *([self._task] if self._task else []))

    async def join(
        self, client: str, session_id: str, *, after: int, current: int, jobs: Mapping[str, float] | None = None
    ) -> int:
        """Replay to a client what came after ``after``, then add it to the room, without hole or repetition.

        ``current``: the number of the session's last event, as the client was told; ``jobs``: percent of its newest
        run's jobs. Returns the number of the last event that the client has now.
        """
        name = room_of(session_id)
        room = self._rooms.setdefault(name, Room(session_id, current, run=RunProgress(jobs)))
        room.joining += 1
        # Who joins again is out of the room while it reads.
        room.members.discard(client)
        room.ahead.pop(client, None)
        try:
            sequence = await self._replay(client, session_id, room, min(after, current))
            # Nothing is awaited from the last look at the room's number to here.
            if self._connections.find(client) is not None:
                room.members.add(client)
                self._joined[client].add(name)
                if sequence > room.last_sequence:
                    room.ahead[client] = sequence
            return sequence
        finally:
            room.joining -= 1
            self._drop_if_empty(name)

    def join_upload(self, client: str, name: str) -> None:
        """Add a client to the room of an upload, which has no events to replay."""
        if self._connections.find(client) is not None:
            self._rooms.setdefault(name, Room(None)).members.add(client)
            self._joined[client].add(name)

    def leave(self, client: str, name: str) -> None:
        """Remove a client from one room."""
        if joined := self._joined.get(client):
            joined.discard(name)
        if room := self._rooms.get(name):
            room.members.discard(client)
            room.ahead.pop(client, None)
            self._drop_if_empty(name)

    def leave_all(self, client: str) -> None:
        """The client has gone."""
        for name in list(self._joined.pop(client, ())):
            self.leave(client, name)

    async def on_message(self, envelope: Envelope) -> None:
        """Something from the bus: pass it on if its session is watched here."""
        room = self._rooms.get(room_of_message(envelope))
        if room is None:
            return
        number = envelope.sequence_number
        if number is not None:
            async with room.lock:
                if number == room.last_sequence + 1:
                    await self._pass_on(room, envelope)
                elif number > room.last_sequence:
                    await self._fill(room)
        elif is_progress(envelope):
            if is_told(envelope):
                room.run.hear(envelope)
                room.pace.offer(envelope)
            if room.telling is None or room.telling.done():
                room.telling = asyncio.create_task(self._tell_progress(room))
        else:
            self._tell(room, event_message(envelope))

    async def _replay(self, client: str, session_id: str, room: Room, sequence: int) -> int:
        while True:
            known = room.last_sequence
            batch = await self._read(session_id, sequence)
            for envelope in batch:
                if not await self._connections.send_in_turn(client, self._connections.frame(event_message(envelope))):
                    return sequence
                sequence = envelope.sequence_number or sequence
            if len(batch) < REPLAY_BATCH and sequence >= room.last_sequence:
                return sequence
            if not batch and known == room.last_sequence:
                # The session is being removed, and its events are gone.
                return known

    async def _read(self, session_id: str, after: int) -> list[Envelope]:
        async with self._database.transaction() as transaction:
            return await events_after(transaction, session_id, after, limit=REPLAY_BATCH)

    async def _pass_on(self, room: Room, envelope: Envelope) -> None:
        if jobs := [job for job in jobs_of(envelope) if room.pace.waits(job)]:
            await self._tell_before(room, jobs, envelope)
        if envelope.name == "training.cancelled":
            room.pace.forget()
        room.run.hear(envelope)
        self._tell(room, event_message(envelope), envelope.sequence_number)

    async def _tell_before(self, room: Room, jobs: list[str], envelope: Envelope) -> None:
        """What is left to tell of jobs comes before what the event says of them.

        But where many end at the same moment no event is held up for longer.
        """
        age = (datetime.now(UTC) - envelope.time).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, _LONGEST_HOLD_SECONDS - age)):
                for job in jobs:
                    await self._tell_progress(room, job)

    def _tell(self, room: Room, message: SocketMessage, number: int | None = None) -> None:
        """Send to all members; those that have the event already are left out. Nothing is awaited here.

        So are those that are ahead where it has no number: what it tells of may be over in what they have.
        """
        frame = self._connections.frame(message)
        known = set(room.ahead)
        if number is not None:
            room.last_sequence = number
            known = {client for client, sequence in room.ahead.items() if sequence >= number}
            room.ahead = {client: sequence for client, sequence in room.ahead.items() if sequence > number}
        for client in room.members:
            if client not in known:
                self._connections.send(client, frame)

    async def _tell_progress(self, room: Room, job: str | None = None) -> None:
        """Tell what waits, or what waits of one job, as fast as may be."""
        while room.pace.waits(job):
            if (pause := room.pace.pause()) > 0:
                await asyncio.sleep(pause)
            else:
                for message in room.pace.take(job):
                    if message.event == "training_progress":
                        message.data["run_progress"] = room.run.percent
                    self._tell(room, message)

    async def _fill(self, room: Room) -> None:
        assert room.session_id is not None
        while True:
            batch = await self._read(room.session_id, room.last_sequence)
            for envelope in batch:
                await self._pass_on(room, envelope)
            if len(batch) < REPLAY_BATCH:
                return

    def _drop_if_empty(self, name: str) -> None:
        room = self._rooms.get(name)
        if room is not None and not room.members and not room.joining:
            del self._rooms[name]
            if room.telling is not None:
                room.telling.cancel()

    async def _catch_up_for_ever(self) -> None:
        """A few rooms at a time: what passes on meanwhile does not wait for thousands."""
        while True:
            names = [name for name, room in self._rooms.items() if room.session_id is not None]
            parts = [names[first : first + _AT_A_TIME] for first in range(0, len(names), _AT_A_TIME)] or [[]]
            for part in parts:
                await asyncio.sleep(_CATCH_UP_SECONDS / len(parts))
                try:
                    await self._catch_up([room for name in part if (room := self._rooms.get(name))])
                except ProblemError as error:
                    log.warning("rooms wait", error=str(error))
                except Exception:
                    log.exception("rooms not caught up")

    async def _catch_up(self, rooms: list[Room]) -> None:
        watched = {room.session_id: room for room in rooms if room.session_id is not None}
        if not watched:
            return
        async with self._database.transaction() as transaction:
            current = await last_sequences(transaction, list(watched))
        for session_id, room in watched.items():
            if current.get(session_id, 0) > room.last_sequence:
                try:
                    async with room.lock:
                        await self._fill(room)
                except ProblemError:
                    raise
                except Exception:
                    # What is wrong with one session's events holds up no other's.
                    log.exception("room not caught up", session_id=session_id)
