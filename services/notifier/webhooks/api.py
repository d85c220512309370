"""HTTP: webhooks, their secrets and their log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from services.notifier.webhooks.deliveries import list_deliveries, redeliver, send_test
from services.notifier.webhooks.documents import (
    ChangedWebhook,
    DeliveryDocument,
    MadeWebhook,
    NewWebhook,
    RotatedSecret,
    WebhookDocument,
)
from services.notifier.webhooks.event_types import checked
from services.notifier.webhooks.hooks import (
    change_webhook,
    document_of,
    make_webhook,
    own_webhook,
    remove_webhook,
    webhooks_of,
)
from services.notifier.webhooks.secrets import add_secret, rotate_secret
from services.notifier.webhooks.wiring import Webhooks
from shared.database.pool import Database, Record, Transaction
from shared.identity.verifier import Caller
from shared.web.authentication import CurrentCaller
from shared.web.documents import Page
from shared.web.idempotency import OnceOnly

router = APIRouter(prefix="/api/training/webhooks", tags=["webhooks"])

WebhookId = Annotated[UUID, Path(alias="webhookId")]
DeliveryId = Annotated[UUID, Path(alias="deliveryId")]


def _database(request: Request) -> Database:
    database: Database = request.app.state.service.database
    return database


def _webhooks(request: Request) -> Webhooks:
    webhooks: Webhooks = request.app.state.webhooks
    return webhooks


@asynccontextmanager
async def _own(request: Request, caller: Caller, webhook_id: UUID) -> AsyncIterator[tuple[Transaction, Record]]:
    """The caller's webhook, found as the caller and then locked, in a transaction that goes on as the service."""
    async with _database(request).transaction(caller.user_id) as transaction:
        await own_webhook(transaction, caller.user_id, webhook_id)
        async with transaction.as_service():
            yield transaction, await own_webhook(transaction, caller.user_id, webhook_id, lock=True)


@router.post("", status_code=201, summary="Make a webhook")
async def make(request: Request, caller: CurrentCaller, once: OnceOnly, wanted: NewWebhook) -> MadeWebhook:
    """Events are sent to its URL, signed as Standard Webhooks has it. The secret is shown now and never again."""
    database, webhooks = _database(request), _webhooks(request)
    async with database.transaction() as transaction:
        if before := await once.given(transaction, MadeWebhook):
            return before
    event_types = checked(wanted.event_types)
    url = webhooks.rule.check_url(wanted.url)
    await webhooks.resolver.check(url, webhooks.rule)
    made: list[str] = []
    async with database.transaction(caller.user_id) as transaction, transaction.as_service():

        async def work() -> MadeWebhook:
            row = await make_webhook(
                transaction, caller.user_id, str(url), event_types, wanted.description, wanted.active
            )
            made.append(await add_secret(transaction, webhooks.vault, caller.user_id, row["id"]))
            # What is kept to be answered again must not have the secret in it.
            return MadeWebhook(secret=None, **document_of(row).model_dump())

        answer = await once.answer(transaction, MadeWebhook, work)
    return answer.model_copy(update={"secret": made[0] if made else None})


@router.get("", summary="List my webhooks")
async def webhooks(request: Request, caller: CurrentCaller) -> Page[WebhookDocument]:
    """All of mine, the newest first (at most ten, so one page)."""
    async with _database(request).transaction(caller.user_id) as transaction:
        rows = await webhooks_of(transaction, caller.user_id)
    return Page[WebhookDocument](items=[document_of(row) for row in rows], next_cursor=None)


@router.get("/{webhookId}", summary="Read a webhook")
async def read(request: Request, caller: CurrentCaller, webhook_id: WebhookId) -> WebhookDocument:
    """How it is, and since when it fails if it does."""
    async with _database(request).transaction(caller.user_id) as transaction:
        return document_of(await own_webhook(transaction, caller.user_id, webhook_id))


@router.patch("/{webhookId}", summary="Change a webhook")
async def change(
    request: Request, caller: CurrentCaller, webhook_id: WebhookId, wanted: ChangedWebhook
) -> WebhookDocument:
    """Only what is given changes. What waits for a webhook that is made inactive is not sent any more."""
    database, webhooks = _database(request), _webhooks(request)
    async with database.transaction(caller.user_id) as transaction:
        await own_webhook(transaction, caller.user_id, webhook_id)
    changes = wanted.model_dump(exclude_unset=True)
    changes = {name: value for name, value in changes.items() if value is not None or name == "event_types"}
    if "event_types" in changes:
        changes["event_types"] = checked(changes["event_types"])
    if "url" in changes:
        url = webhooks.rule.check_url(changes["url"])
        await webhooks.resolver.check(url, webhooks.rule)
        changes["url"] = str(url)
    async with _own(request, caller, webhook_id) as (transaction, webhook):
        return document_of(await change_webhook(transaction, webhook, changes))


@router.delete("/{webhookId}", status_code=204, summary="Remove a webhook")
async def remove(request: Request, caller: CurrentCaller, webhook_id: WebhookId) -> None:
    """With its secrets, its log, and all that was still to be sent."""
    async with _own(request, caller, webhook_id) as (transaction, _):
        await remove_webhook(transaction, webhook_id)


@router.post("/{webhookId}/secret", status_code=201, summary="Rotate a webhook's secret")
async def rotate(request: Request, caller: CurrentCaller, webhook_id: WebhookId, once: OnceOnly) -> RotatedSecret:
    """A new secret, shown now and never again; for 24 hours every delivery is signed with the one before it, too."""
    webhooks = _webhooks(request)
    made: list[str] = []
    async with _own(request, caller, webhook_id) as (transaction, _):

        async def work() -> RotatedSecret:
            secret, until = await rotate_secret(transaction, webhooks.vault, caller.user_id, webhook_id)
            made.append(secret)
            return RotatedSecret(webhook_id=webhook_id, secret=None, previous_expires_at=until)

        answer = await once.answer(transaction, RotatedSecret, work)
    return answer.model_copy(update={"secret": made[0] if made else None})


@router.post("/{webhookId}/test", status_code=202, summary="Send a test to a webhook")
async def test(request: Request, caller: CurrentCaller, webhook_id: WebhookId, once: OnceOnly) -> DeliveryDocument:
    """An event `webhook.test`, sent once, whatever event types the webhook asks for; the log tells what came of it."""
    async with _own(request, caller, webhook_id) as (transaction, webhook):
        answer = await once.answer(transaction, DeliveryDocument, lambda: send_test(transaction, webhook))
    _webhooks(request).wake()
    return answer


@router.get("/{webhookId}/deliveries", summary="List a webhook's deliveries")
async def deliveries(
    request: Request,
    caller: CurrentCaller,
    webhook_id: WebhookId,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2000, description="The nextCursor of the page before.")] = None,
) -> Page[DeliveryDocument]:
    """What was sent and what waits, the newest first, with every attempt; kept for 30 days."""
    async with _database(request).transaction(caller.user_id) as transaction:
        await own_webhook(transaction, caller.user_id, webhook_id)
        return await list_deliveries(transaction, webhook_id, limit=limit, cursor=cursor)


@router.post("/{webhookId}/deliveries/{deliveryId}/redeliver", status_code=202, summary="Send a delivery again")
async def again(
    request: Request, caller: CurrentCaller, webhook_id: WebhookId, delivery_id: DeliveryId, once: OnceOnly
) -> DeliveryDocument:
    """At once, under the same `webhook-id`, and with the usual attempts after that."""
    async with _own(request, caller, webhook_id) as (transaction, webhook):
        answer = await once.answer(transaction, DeliveryDocument, lambda: redeliver(transaction, webhook, delivery_id))
    _webhooks(request).wake()
    return answer
