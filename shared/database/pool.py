"""PostgreSQL: a pool, and transactions that run as somebody.

Every statement runs in an explicit transaction whose role is set locally: ``authenticated`` with the caller's
claims for requests, ``service_role`` for our own work. So row-level security is the second wall behind every
query, and no role can leak to the connection's next user (a session-level SET ROLE does).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from shared.problems import Category, ProblemError

CONNECTION_ERRORS = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    OSError,
)
"""What says that the database is away, as opposed to that it refused a statement."""

_BEGIN_AS_SERVICE = "begin; select set_config('role', 'service_role', true)"
_BEGIN_AS_USER = "begin; select set_config('role', 'authenticated', true)"

Record = asyncpg.Record


class DatabaseUnavailable(ProblemError):
    """The database cannot be reached, or gave way to another transaction; nothing of this one was changed."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            Category.STORAGE_UNAVAILABLE,
            title="The database is away",
            detail=f"The database did not answer ({type(error).__name__}).",
            recovery=["Try again in a few seconds."],
            retryable=True,
            headers={"Retry-After": "2"},
        )


class Transaction:
    """One open transaction. Values are bound (``$1``), never put into the text."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.recorded_messages = False

    async def fetch(self, query: str, *values: Any) -> list[Record]:
        """All rows."""
        rows: list[Record] = await self._connection.fetch(query, *values)
        return rows

    async def fetch_row(self, query: str, *values: Any) -> Record | None:
        """The first row or None."""
        row: Record | None = await self._connection.fetchrow(query, *values)
        return row

    async def fetch_value(self, query: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.fetchval(query, *values)

    async def execute(self, query: str, *values: Any) -> int:
        """Run a statement; the number of rows it touched."""
        status: str = await self._connection.execute(query, *values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        """Run a statement once for each row of values."""
        await self._connection.executemany(query, rows)

    @asynccontextmanager
    async def as_service(self) -> AsyncIterator[None]:
        """Within a user's transaction: write what users may not (messages, sequences), then be the user again."""
        role = await self.fetch_value("select current_setting('role')")
        await self.fetch_value("select set_config('role', 'service_role', true)")
        yield
        await self.fetch_value("select set_config('role', $1, true)", role)


class Database:
    """The pool. ``on_messages`` is called after each commit that recorded messages: it wakes the relay."""

    def __init__(self, url: str, *, pool_size: int, on_messages: Callable[[], None] = lambda: None) -> None:
        self._url = url
        self._pool_size = pool_size
        self.on_messages = on_messages
        self._pool: asyncpg.Pool[Record] | None = None
        self._opening = asyncio.Lock()

    async def open(self, *, wait_seconds: float = 60.0) -> None:
        """Connect, waiting for a database that is still starting. Raises :class:`DatabaseUnavailable`."""
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while True:
            try:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=self._pool_size,
                    init=_prepare,
                    reset=_nothing_to_reset,
                    command_timeout=60,
                    timeout=10,
                )
                return
            except CONNECTION_ERRORS as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise DatabaseUnavailable(error) from error
                await asyncio.sleep(0.2)

    async def close(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(5):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def ready(self) -> bool:
        """True when a statement gets an answer."""
        try:
            async with asyncio.timeout(3), self.transaction() as transaction:
                return bool(await transaction.fetch_value("select true"))
        except (ProblemError, TimeoutError):
            return False

    @asynccontextmanager
    async def transaction(self, user_id: UUID | None = None) -> AsyncIterator[Transaction]:
        """A transaction as this user, or as the service itself when None; committed when the block ends well.

        Raises :class:`DatabaseUnavailable` when the connection fails; other errors of the driver pass through.
        """
        pool = self._pool
        if pool is None:
            raise RuntimeError("the database is not open")
        try:
            connection = await self._begun(pool, user_id)
            transaction = Transaction(connection)
            try:
                try:
                    yield transaction
                except BaseException:
                    await _roll_back(connection)
                    raise
                await connection.execute("commit")
            finally:
                await pool.release(connection)
        except (*CONNECTION_ERRORS, asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
            raise DatabaseUnavailable(error) from error
        except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="A text has a character that cannot be kept",
                detail="A text of the request contains the NUL character.",
                recovery=["Remove it and send the request again."],
            ) from error
        if transaction.recorded_messages:
            self.on_messages()

    async def _begun(self, pool: asyncpg.Pool[Record], user_id: UUID | None) -> Any:
        """A connection with a begun transaction. Nothing was done yet, so one that had died is replaced (F34)."""
        tries = pool.get_size() + 1
        while True:
            connection = await pool.acquire(timeout=20)
            try:
                await _begin(Transaction(connection), user_id)
            except CONNECTION_ERRORS:
                await pool.release(connection)
                tries -= 1
                if tries == 0:
                    raise
            except BaseException:
                await pool.release(connection)
                raise
            else:
                return connection

    async def call(self, query: str, *values: Any) -> Record:
        """One statement that gives one row, in a transaction of its own as the login role: a single round trip.

        For functions that are granted to that role; it has no right to any table. A connection that had died is
        replaced (F34): the statement must bear being repeated. Raises :class:`DatabaseUnavailable`.
        """
        pool = self._pool
        if pool is None:
            raise RuntimeError("the database is not open")
        tries = pool.get_size() + 1
        try:
            while True:
                connection = await pool.acquire(timeout=20)
                try:
                    [row] = await connection.fetch(query, *values)
                    return row
                except CONNECTION_ERRORS:
                    tries -= 1
                    if tries == 0:
                        raise
                finally:
                    await pool.release(connection)
        except CONNECTION_ERRORS as error:
            raise DatabaseUnavailable(error) from error

    async def connect_alone(self) -> Any:
        """A connection outside the pool, for what must keep one (advisory locks, LISTEN)."""
        try:
            connection = await asyncpg.connect(self._url, timeout=10, command_timeout=60)
            await _prepare(connection)
        except CONNECTION_ERRORS as error:
            raise DatabaseUnavailable(error) from error
        return connection


async def _roll_back(connection: Any) -> None:
    """Roll back, or give the connection up where that is not possible (cut, or still busy with a cancelled query)."""
    try:
        async with asyncio.timeout(10):
            await connection.execute("rollback")
    except Exception:
        connection.terminate()


async def _begin(transaction: Transaction, user_id: UUID | None) -> None:
    # One round trip: the simple protocol takes several statements, none of them with a value from outside.
    await transaction.execute(_BEGIN_AS_SERVICE if user_id is None else _BEGIN_AS_USER)
    if user_id is not None:
        claims = orjson.dumps({"sub": str(user_id), "role": "authenticated"}).decode()
        await transaction.fetch_value("select set_config('request.jwt.claims', $1, true)", claims)


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: orjson.dumps(value).decode(),
        decoder=orjson.loads,
    )


async def _nothing_to_reset(_: Any) -> None:
    """All state is local to a transaction; the driver's reset would cost a round trip per use."""
