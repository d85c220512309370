"""The secrets that sign a webhook's deliveries: shown once, kept encrypted, rotated without a gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.notifier.webhooks.signing import new_secret
from shared.database.pool import Transaction
from shared.vault import Vault

_SIGN_AT_ONCE = 5
"""However often it is rotated within a day."""
_INSERT = """
insert into public.user_secrets (user_id, provider, webhook_id, encrypted) values ($1, 'webhook', $2, $3)
"""
_RETIRE = """
update public.user_secrets set expires_at = now() + interval '24 hours' where webhook_id = $1 and expires_at is null
returning expires_at
"""
_FORGET = """
delete from public.user_secrets where webhook_id = $1 and id not in (
    select id from public.user_secrets where webhook_id = $1 and (expires_at is null or expires_at > now())
    order by created_at desc limit $2)
"""
_SEALED = """
select webhook_id, encrypted from public.user_secrets
where webhook_id = any($1::uuid[]) and (expires_at is null or expires_at > now()) order by created_at desc
"""


async def add_secret(transaction: Transaction, vault: Vault, user_id: UUID, webhook_id: UUID) -> str:
    """A webhook's first secret. Runs as the service. Raises a problem where there is no key to encrypt it with."""
    secret = new_secret()
    await transaction.execute(_INSERT, user_id, webhook_id, vault.seal(secret))
    return secret


async def rotate_secret(
    transaction: Transaction, vault: Vault, user_id: UUID, webhook_id: UUID
) -> tuple[str, datetime]:
    """A new secret, and until when the one before it signs as well. Runs as the service, with the webhook locked."""
    expires_at: datetime = await transaction.fetch_value(_RETIRE, webhook_id)
    secret = await add_secret(transaction, vault, user_id, webhook_id)
    await transaction.execute(_FORGET, webhook_id, _SIGN_AT_ONCE)
    return secret, expires_at


async def sealed_secrets(transaction: Transaction, webhook_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Encrypted, for each webhook those that sign now, the newest first. Runs as the service."""
    found: dict[UUID, list[str]] = {}
    for row in await transaction.fetch(_SEALED, list(webhook_ids)):
        found.setdefault(row["webhook_id"], []).append(row["encrypted"])
    return found
