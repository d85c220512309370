"""Webhooks over HTTP: made, shown, changed, tested, removed."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.notifier.app import create_api
from shared.database.pool import Database
from shared.runtime.service import Service
from tests.integration.apps import caller, running, settings_for
from tests.integration.conftest import Owned
from tests.integration.webhooks.conftest import HOOKS, SETTINGS, Owner, owner_at
from tests.integration.webhooks.receiver import Receiver

pytestmark = pytest.mark.integration

NOWHERE = "http://127.0.0.1:1025/"


async def test_a_secret_is_shown_once_and_kept_encrypted(owner: Owner) -> None:
    hook = await owner.hook(NOWHERE, description="for the control room", eventTypes=["results.stored"])
    shown = await owner.read(hook)
    assert shown == {name: value for name, value in hook.items() if name != "secret"}
    assert (shown["url"], shown["eventTypes"], shown["active"]) == (NOWHERE, ["results.stored"], True)
    listed = (await owner.client.get(HOOKS)).json()
    assert (listed["items"], listed["nextCursor"]) == ([shown], None)
    assert hook["secret"].startswith("whsec_")
    async with owner.database.transaction() as transaction:
        [row] = await transaction.fetch(
            "select user_id, provider, encrypted from user_secrets where webhook_id = $1", UUID(hook["webhookId"])
        )
    assert (row["user_id"], row["provider"]) == (owner.owned.user_id, "webhook")
    assert hook["secret"].removeprefix("whsec_")[:12] not in row["encrypted"]


async def test_f24_a_webhook_is_made_once_and_its_secret_is_not_kept_to_be_answered_again(owner: Owner) -> None:
    headers = {"Idempotency-Key": "a"}
    first = await owner.client.post(HOOKS, json={"url": NOWHERE}, headers=headers)
    second = await owner.client.post(HOOKS, json={"url": NOWHERE}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == {**first.json(), "secret": None}
    other = await owner.client.post(HOOKS, json={"url": NOWHERE, "active": False}, headers=headers)
    assert other.status_code == 422
    path = f"{HOOKS}/{first.json()['webhookId']}"
    for action in ("secret", "test"):
        one = (await owner.client.post(f"{path}/{action}", headers={"Idempotency-Key": action})).json()
        two = (await owner.client.post(f"{path}/{action}", headers={"Idempotency-Key": action})).json()
        assert two == {**one, **({"secret": None} if action == "secret" else {})}
    assert len(await owner.log(first.json())) == 1


async def test_a_user_has_ten_webhooks_at_most(owner: Owner) -> None:
    hooks = [await owner.hook(NOWHERE) for _ in range(10)]
    refused = await owner.client.post(HOOKS, json={"url": NOWHERE})
    assert (refused.status_code, refused.json()["category"]) == (409, "CONFLICT")
    assert (await owner.client.delete(f"{HOOKS}/{hooks[0]['webhookId']}")).status_code == 204
    await owner.hook(NOWHERE)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "begin with http:// or https://"),
        ({"url": "http://user:secret@127.0.0.1/"}, "user or password"),
        ({"url": "http://127.0.0.1:22/"}, "port"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "not a public address"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, "not a public address"),
        ({"url": "http://0/"}, "not a public address"),
        ({"url": "http://nobody.invalid/"}, "cannot be resolved"),
        ({"url": "http://xn--/"}, "is no URL"),
        ({"url": NOWHERE, "eventTypes": []}, "eventTypes"),
        ({"url": NOWHERE, "eventTypes": ["result.stored"]}, "'result.stored'"),
        ({"url": NOWHERE, "description": "x" * 501}, "description"),
    ],
)
async def test_what_cannot_be_a_webhook_is_refused_by_name(owner: Owner, body: dict[str, object], named: str) -> None:
    refused = await owner.client.post(HOOKS, json=body)
    assert refused.status_code == 422
    assert named in refused.json()["detail"]
    assert (await owner.client.get(HOOKS)).json()["items"] == []


async def test_only_what_is_given_changes(owner: Owner, receiver: Receiver) -> None:
    hook = await owner.hook(NOWHERE, eventTypes=["results.stored"], description="mine")
    path = f"{HOOKS}/{hook['webhookId']}"
    await owner.client.post(f"{path}/test")
    changed = (await owner.client.patch(path, json={"url": receiver.url, "eventTypes": None})).json()
    assert (changed["url"], changed["eventTypes"], changed["description"]) == (receiver.url, None, "mine")
    assert (await owner.client.patch(path, json={"eventTypes": ["nothing"]})).status_code == 422
    assert (await owner.client.patch(path, json={"url": "http://10.0.0.1:22/"})).status_code == 422
    paused = (await owner.client.patch(path, json={"active": False})).json()
    assert (paused["active"], paused["url"], paused["disabledReason"]) == (False, receiver.url, None)
    witness = await owner.hook(receiver.url)
    await owner.event()
    await owner.ended(witness)
    await owner.client.patch(path, json={"active": True})
    heard = await owner.event()
    await owner.ended(hook, 2)
    assert receiver.times[heard] >= 1
    assert [item["eventId"] for item in await owner.log(hook) if item["eventType"] != "webhook.test"] == [heard]


async def test_a_test_is_sent_once_whatever_is_asked_for(owner: Owner, receiver: Receiver) -> None:
    hook = await owner.hook(receiver.url, eventTypes=["session.purged"])
    path = f"{HOOKS}/{hook['webhookId']}"
    queued = (await owner.client.post(f"{path}/test")).json()
    [item] = await owner.ended(hook)
    assert (queued["status"], item["status"], item["deliveryId"]) == ("pending", "delivered", queued["deliveryId"])
    [received] = receiver.received
    assert received.is_signed_by(hook["secret"])
    assert (received.event["type"], received.event["id"]) == ("io.foretide.webhook.test.v1", queued["eventId"])
    receiver.always(500, "no")
    await owner.client.post(f"{path}/test")
    newest, _ = await owner.ended(hook, 2)
    assert (newest["status"], [attempt["answer"] for attempt in newest["attempts"]]) == ("failed", ["no"])
    assert (await owner.read(hook))["failingSince"] is None


async def test_a_rotated_secret_signs_beside_its_successor_for_a_day(owner: Owner, receiver: Receiver) -> None:
    hook = await owner.hook(receiver.url)
    path = f"{HOOKS}/{hook['webhookId']}"
    secrets = [hook["secret"]]
    for _ in range(2):
        rotated = await owner.client.post(f"{path}/secret")
        assert rotated.status_code == 201
        secrets.append(rotated.json()["secret"])
    await owner.client.post(f"{path}/test")
    await owner.ended(hook)
    assert all(receiver.received[0].is_signed_by(secret) for secret in secrets)
    async with owner.database.transaction() as transaction:
        await transaction.execute(
            "update user_secrets set expires_at = expires_at - interval '24 hours' where webhook_id = $1",
            UUID(hook["webhookId"]),
        )
    await owner.client.post(f"{path}/test")
    await owner.ended(hook, 2)
    assert [receiver.received[1].is_signed_by(secret) for secret in secrets] == [False, False, True]
    for _ in range(6):
        await owner.client.post(f"{path}/secret")
    await owner.client.post(f"{path}/test")
    await owner.ended(hook, 3)
    assert len(receiver.received[2].headers["webhook-signature"].split(" ")) == 5, "however often it is rotated"


async def test_the_log_is_paged_newest_first(owner: Owner, receiver: Receiver) -> None:
    hook, other = await owner.hook(receiver.url), await owner.hook(receiver.url)
    events = [await owner.event() for _ in range(5)]
    await owner.ended(hook, 5)
    seen: list[str] = []
    cursor = None
    while True:
        parameters = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await owner.client.get(f"{HOOKS}/{hook['webhookId']}/deliveries", params=parameters)).json()
        seen += [item["eventId"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = page["nextCursor"]
    assert seen == events[::-1]
    elsewhere = await owner.client.get(f"{HOOKS}/{other['webhookId']}/deliveries", params={"cursor": cursor})
    assert elsewhere.status_code == 422


async def test_a_removed_webhook_takes_everything_along(owner: Owner) -> None:
    hook = await owner.hook(NOWHERE)
    await owner.event()
    await owner.attempted(hook)
    path = f"{HOOKS}/{hook['webhookId']}"
    assert (await owner.client.delete(path)).status_code == 204
    for method, call in (("GET", path), ("DELETE", path), ("GET", f"{path}/deliveries"), ("POST", f"{path}/test")):
        assert (await owner.client.request(method, call)).status_code == 404
    async with owner.database.transaction() as transaction:
        for table in ("user_secrets", "webhook_deliveries"):
            found = await transaction.fetch(f"select 1 from {table} where webhook_id = $1", UUID(hook["webhookId"]))
            assert found == []


async def test_f51_another_users_webhook_is_not_found_nor_its_delivery_through_mine(
    notifier: FastAPI, servers: LocalServers, owner: Owner, receiver: Receiver
) -> None:
    hook = await owner.hook(receiver.url)
    await owner.event()
    [item] = await owner.ended(hook)
    async with caller(notifier, servers) as stranger:
        theirs = (await stranger.post(HOOKS, json={"url": NOWHERE})).json()
        for webhook_id in (hook["webhookId"], theirs["webhookId"], uuid4()):
            path = f"{HOOKS}/{webhook_id}/deliveries/{item['deliveryId']}/redeliver"
            assert (await stranger.post(path)).status_code == 404
        path = f"{HOOKS}/{hook['webhookId']}"
        for method in ("GET", "PATCH", "DELETE"):
            body = {"url": NOWHERE} if method == "PATCH" else None
            assert (await stranger.request(method, path, json=body)).status_code == 404
        for method, action in (("POST", "secret"), ("POST", "test"), ("GET", "deliveries")):
            assert (await stranger.request(method, f"{path}/{action}")).status_code == 404
    assert len(receiver.received) == 1


async def test_without_a_key_no_secret_is_kept_and_the_problem_says_what_to_set(servers: LocalServers) -> None:
    settings = settings_for(servers, **{**SETTINGS, "encryption_key": None})
    async with running(create_api(Service("notifier", settings))) as application, caller(application, servers) as user:
        refused = await user.post(HOOKS, json={"url": NOWHERE})
        assert refused.status_code == 503
        assert "FORETIDE_ENCRYPTION_KEY" in refused.json()["detail"]
        assert (await user.get(HOOKS)).json()["items"] == []


async def test_only_https_to_public_addresses_unless_the_installation_says_so(
    servers: LocalServers, database: Database, session: Owned, receiver: Receiver
) -> None:
    """Refused when it is made; and one that was made while it was allowed is not sent to any more."""
    settings = settings_for(servers, webhook_delays_seconds=[])
    async with (
        running(create_api(Service("notifier", settings))) as application,
        owner_at(application, servers, database, session) as owner,
    ):
        for url in (NOWHERE, "https://127.0.0.1/", "https://localhost:9000/", "https://[::1]/", "https://2130706433/"):
            refused = await owner.client.post(HOOKS, json={"url": url})
            assert refused.status_code == 422, url
            assert "https://" in refused.json()["detail"]
        async with database.transaction() as transaction:
            webhook_id = await transaction.fetch_value(
                "insert into webhooks (user_id, url) values ($1, $2) returning id", session.user_id, receiver.url
            )
            await transaction.execute(
                "insert into user_secrets (user_id, provider, webhook_id, encrypted) values ($1, 'webhook', $2, $3)",
                session.user_id,
                webhook_id,
                application.state.webhooks.vault.seal("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            )
        hook = {"webhookId": str(webhook_id)}
        assert (await owner.client.post(f"{HOOKS}/{webhook_id}/test")).status_code == 202
        [item] = await owner.ended(hook)
        assert (item["status"], receiver.received) == ("failed", [])
        assert "https://" in item["attempts"][0]["error"]
