"""Keys for machines: 256 random bits that open the forecasts of one session, kept as a hash alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from services.trainer.serving.documents import KeyDocument, MadeKey, NewKey
from shared.database.pool import Database, Record, Transaction
from shared.problems import Category, ProblemError, not_found

MOST_ACTIVE = 5
_MARK = "ftk_"
_PREFIX_BYTES = 6
_SECRET_BYTES = 32
_COLUMNS = """id, session_id, user_id, name, prefix, created_at, expires_at, revoked_at, last_used_at,
    revoked_at is null and expires_at > now() as active"""
_INSERT = f"""
insert into public.api_keys (session_id, user_id, name, prefix, hash, expires_at)
values ($1, $2, $3, $4, $5, now() + make_interval(days => $6)) returning {_COLUMNS}
"""
_LIST = f"select {_COLUMNS} from public.api_keys where session_id = $1 order by created_at desc, id"
_FIND = f"select {_COLUMNS}, hash from public.api_keys where prefix = $1"
_REVOKE = "update public.api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1 and session_id = $2"
_USED = """
update public.api_keys set last_used_at = now()
where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')
"""


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """On whose behalf a key asks."""

    key_id: UUID
    user_id: UUID


async def make_key(transaction: Transaction, user_id: UUID, session_id: str, wanted: NewKey) -> MadeKey:
    """A new key. Runs as the service. Raises a 409 problem where the session has as many as it may."""
    # Whoever else makes one for this session waits; one that is going takes none.
    locked = await transaction.fetch_value(
        "select true from public.training_sessions where session_id = $1 and status <> 'deleting' for update",
        session_id,
    )
    if not locked:
        raise not_found("Session", session_id)
    active = await transaction.fetch_value(
        "select count(*) from public.api_keys where session_id = $1 and revoked_at is null and expires_at > now()",
        session_id,
    )
    if active >= MOST_ACTIVE:
        raise ProblemError(
            Category.CONFLICT,
            title="The session has as many keys as it may have",
            detail=f"{active} keys of this session are active; at most {MOST_ACTIVE} may be.",
            recovery=[f"DELETE /api/training/api-keys/{session_id}/{{keyId}} one that nobody needs."],
        )
    prefix = _MARK + secrets.token_hex(_PREFIX_BYTES)
    key = f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    row = await transaction.fetch_row(
        _INSERT, session_id, user_id, wanted.name, prefix, _hash(key), wanted.expires_in_days
    )
    assert row is not None
    return MadeKey(key=key, **document_of(row).model_dump())


async def keys_of(transaction: Transaction, session_id: str) -> list[KeyDocument]:
    """Runs as whoever may see the session."""
    return [document_of(row) for row in await transaction.fetch(_LIST, session_id)]


async def revoke_key(transaction: Transaction, session_id: str, key_id: UUID) -> None:
    """From now on it opens nothing. Runs as the service. Raises a 404 problem."""
    if not await transaction.execute(_REVOKE, key_id, session_id):
        raise not_found("Key", str(key_id))


async def holder_of(database: Database, key: str, session_id: str) -> KeyHolder:
    """Whose key it is. Raises 401 for one that is no key, or was revoked, or has expired; 404 for another session's."""
    prefix = key[: len(_MARK) + 2 * _PREFIX_BYTES]
    async with database.transaction() as transaction:
        row = await transaction.fetch_row(_FIND, prefix) if key.isascii() and key.startswith(_MARK) else None
        # As long for a prefix that nobody has.
        same = hmac.compare_digest(_hash(key), row["hash"] if row is not None else bytes(32))
        if row is None or not same:
            raise _refused("it is none of ours")
        if row["revoked_at"] is not None:
            raise _refused("it was revoked")
        if not row["active"]:
            raise _refused("it has expired")
        if row["session_id"] != session_id:
            raise not_found("Session", session_id)
        await transaction.execute(_USED, row["id"])
    return KeyHolder(row["id"], row["user_id"])


def document_of(row: Record) -> KeyDocument:
    """Without the hash."""
    return KeyDocument(key_id=row["id"], **{n: row[n] for n in KeyDocument.model_fields if n != "key_id"})


def _hash(key: str) -> bytes:
    # Nobody can guess 256 random bits, however quick the hash is.
    return hashlib.sha256(key.encode()).digest()


def _refused(why: str) -> ProblemError:
    return ProblemError(
        Category.UNAUTHORIZED,
        title="The key is not valid",
        detail=f"The X-API-Key that was sent opens nothing: {why}.",
        recovery=["Send the key as it was shown when it was made.", "Make a new one."],
    )
