"""Events on their way to a receiver: once each, signed, tried again, and written down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from starlette.responses import Response

from services.notifier.webhooks.client import Client
from shared.events.payloads import SessionDeleted, TrainingCancelled
from tests.integration.webhooks.conftest import HOOKS, Owner
from tests.integration.webhooks.receiver import Received, Receiver
from tests.waiting import until

pytestmark = pytest.mark.integration


async def test_every_event_is_delivered_once_as_it_was_published_and_signed(owner: Owner, receiver: Receiver) -> None:
    hook = await owner.hook(receiver.url)
    events = [await owner.event() for _ in range(5)]
    log = await owner.ended(hook, 5)
    assert receiver.times == dict.fromkeys(events, 1)
    assert all(entry.is_signed_by(hook["secret"]) for entry in receiver.received)
    assert {entry.headers["content-type"] for entry in receiver.received} == {"application/cloudevents+json"}
    told = (await owner.client.get(f"/api/training/events/{owner.owned.session_id}")).json()["items"]
    assert sorted((entry.event for entry in receiver.received), key=lambda event: int(event["sequence"])) == told
    assert [item["eventId"] for item in log] == events[::-1], "newest first"
    for item in log:
        [attempt] = item["attempts"]
        assert (item["status"], item["nextAttemptAt"], item["eventType"]) == ("delivered", None, "results.deleted")
        assert (attempt["number"], attempt["statusCode"], attempt["error"]) == (1, 204, None)
        assert item["subject"] == owner.owned.session_id


async def test_a_webhook_gets_the_events_that_it_asks_for(owner: Owner, receiver: Receiver) -> None:
    hook = await owner.hook(receiver.url, eventTypes=["session.purged", "training.cancelled"])
    await owner.event()
    wanted = await owner.event(TrainingCancelled(session_id=owner.owned.session_id))
    assert [item["eventId"] for item in await owner.ended(hook)] == [wanted]


async def test_a_receiver_that_is_away_is_tried_again_and_every_attempt_is_logged(owner: Owner) -> None:
    receiver = Receiver()
    hook = await owner.hook(receiver.url)
    event = await owner.event()
    waiting = await owner.attempted(hook)
    await owner.hold(hook, True)
    assert waiting["status"] == "pending"
    assert waiting["nextAttemptAt"] > waiting["attempts"][0]["startedAt"]
    assert "Cannot connect" in waiting["attempts"][0]["error"]
    assert (await owner.read(hook))["failingSince"] is not None
    async with receiver.running():
        await owner.hold(hook, False)
        [item] = await owner.ended(hook)
        assert receiver.times == {event: 1}
    assert item["status"] == "delivered"
    assert [attempt["statusCode"] for attempt in item["attempts"]][-1] == 204
    assert (await owner.read(hook))["failingSince"] is None


async def test_every_attempt_has_the_same_id_and_body_and_a_signature_of_its_own_time(
    owner: Owner, receiver: Receiver
) -> None:
    receiver.always(500, "x" * 5000)
    hook = await owner.hook(receiver.url)
    event = await owner.event()
    [item] = await owner.ended(hook)
    assert item["status"] == "failed"
    assert [attempt["number"] for attempt in item["attempts"]] == [1, 2, 3, 4], "at once, and after each delay"
    assert {attempt["answer"] for attempt in item["attempts"]} == {"x" * 1024}
    assert receiver.times == {event: 4}
    assert len({entry.body for entry in receiver.received}) == 1
    assert all(entry.is_signed_by(hook["secret"]) for entry in receiver.received)
    receiver.always(200, "thanks")
    path = f"{HOOKS}/{hook['webhookId']}/deliveries/{item['deliveryId']}/redeliver"
    assert (await owner.client.post(path)).json()["status"] == "pending"
    [item] = await owner.ended(hook)
    assert (item["status"], item["attempts"][-1]["number"], item["attempts"][-1]["answer"]) == (
        "delivered",
        5,
        "thanks",
    )
    assert receiver.times == {event: 5}


async def test_410_makes_the_webhook_inactive_and_what_waits_is_not_sent(owner: Owner, receiver: Receiver) -> None:
    receiver.always(503, Retry_After="3600")
    hook = await owner.hook(receiver.url)
    first = await owner.event()
    await owner.attempted(hook)
    await owner.hold(hook, False)
    receiver.always(410)
    last = await owner.event()
    log = await owner.ended(hook, 2)
    assert {item["eventId"]: item["status"] for item in log} == {first: "cancelled", last: "failed"}
    now = await owner.read(hook)
    assert (now["active"], "410" in now["disabledReason"]) == (False, True)
    path = f"{HOOKS}/{hook['webhookId']}"
    refused = await owner.client.post(f"{path}/deliveries/{log[0]['deliveryId']}/redeliver")
    assert (refused.status_code, "410" in refused.json()["detail"]) == (409, True)
    assert (await owner.client.post(f"{path}/test")).status_code == 409
    receiver.always(200)
    again = (await owner.client.patch(path, json={"active": True})).json()
    assert (again["active"], again["disabledReason"], again["failingSince"]) == (True, None, None)
    assert (await owner.client.post(f"{path}/test")).status_code == 202
    await owner.ended(hook, 3)


@pytest.mark.parametrize(("status", "seconds"), [(429, 120), (503, 3600)])
async def test_a_receiver_that_asks_for_a_pause_gets_it_for_all_events(
    owner: Owner, receiver: Receiver, status: int, seconds: int
) -> None:
    receiver.always(status, Retry_After=str(seconds))
    hook = await owner.hook(receiver.url)
    await owner.event()
    item = await owner.attempted(hook)
    for until_then in (item["nextAttemptAt"], (await owner.read(hook))["heldUntil"]):
        pause = datetime.fromisoformat(until_then) - datetime.now(UTC)
        assert seconds - 30 < pause.total_seconds() <= seconds
    receiver.always(200)
    other = await owner.hook(receiver.url)
    event = await owner.event()
    await owner.ended(other)
    assert [entry["status"] for entry in await owner.log(hook)] == ["pending", "pending"]
    assert receiver.times[event] == 1, "to the other webhook alone"


async def test_a_redirect_is_a_failure_and_leads_nowhere(owner: Owner, receiver: Receiver) -> None:
    elsewhere = Receiver()
    async with elsewhere.running():
        receiver.always(307, Location=elsewhere.url)
        hook = await owner.hook(receiver.url)
        await owner.event()
        [item] = await owner.ended(hook)
    assert item["status"] == "failed"
    assert elsewhere.url in item["attempts"][0]["error"]
    assert elsewhere.received == []


async def test_an_attempt_that_breaks_in_our_hands_is_logged_and_tried_by_the_schedule(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with every lease, for ever, and unseen."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Client, "post", broken)
    hook = await owner.hook(Receiver().url)
    await owner.event()
    [item] = await owner.ended(hook)
    assert (item["status"], len(item["attempts"])) == ("failed", 4)
    assert {attempt["error"] for attempt in item["attempts"]} == {"The attempt broke: RuntimeError."}


async def test_nothing_is_ever_sent_unsigned(owner: Owner, receiver: Receiver) -> None:
    hook = await owner.hook(receiver.url)
    async with owner.database.transaction() as transaction:
        await transaction.execute("delete from user_secrets where webhook_id = $1", UUID(hook["webhookId"]))
    await owner.event()
    [item] = await owner.ended(hook)
    assert (item["status"], receiver.received) == ("failed", [])
    assert {attempt["error"] for attempt in item["attempts"]} == {"The webhook has no secret to sign with."}


async def test_a_slow_receiver_holds_up_nobody_else(owner: Owner, receiver: Receiver) -> None:
    """How much it takes up is in test_webhook_queue."""
    let_go = asyncio.Event()
    slow = Receiver()

    async def hang(_: Received) -> Response:
        await let_go.wait()
        return Response(status_code=204)

    slow.answer = hang
    async with slow.running():
        hung, quick = await owner.hook(slow.url), await owner.hook(receiver.url)
        events = [await owner.event() for _ in range(20)]
        await owner.ended(quick, 20)
        assert receiver.times == dict.fromkeys(events, 1)
        assert "delivered" not in {item["status"] for item in await owner.log(hung)}
        refused = await until(lambda: _first_error(owner, hung), what="it took too long")
        assert refused == "There was no answer within 1 s."
        let_go.set()


async def _first_error(owner: Owner, hook: dict[str, Any]) -> str | None:
    errors = [attempt["error"] for item in await owner.log(hook) for attempt in item["attempts"]]
    return errors[0] if errors else None


async def test_a_webhook_at_which_all_has_failed_for_five_days_is_made_inactive(owner: Owner) -> None:
    hook = await owner.hook(Receiver().url)
    async with owner.database.transaction() as transaction:
        await transaction.execute(
            """update webhooks set failing_since = now() - interval '121 hours',
               last_failure_at = now() - interval '1 hour' where id = $1""",
            UUID(hook["webhookId"]),
        )
    await owner.event()
    [item] = await owner.ended(hook)
    assert item["status"] == "cancelled"
    assert (await owner.read(hook))["disabledReason"] == "Everything that was sent has failed for 120 hours."


async def test_one_that_failed_long_ago_and_was_silent_since_then_is_not(owner: Owner) -> None:
    hook = await owner.hook(Receiver().url)
    async with owner.database.transaction() as transaction:
        await transaction.execute(
            """update webhooks set failing_since = now() - interval '9 days',
               last_failure_at = now() - interval '6 days' where id = $1""",
            UUID(hook["webhookId"]),
        )
    await owner.event()
    [item] = await owner.ended(hook)
    assert item["status"] == "failed"
    assert (await owner.read(hook))["active"] is True


async def test_of_a_deleted_session_only_that_is_told_and_nothing_is_kept_when_it_is_gone(
    owner: Owner, receiver: Receiver
) -> None:
    receiver.always(503, Retry_After="3600")
    hook = await owner.hook(receiver.url)
    waits = await owner.event()
    await owner.attempted(hook)
    session_id = owner.owned.session_id
    await owner.hold(hook, False)
    async with owner.database.transaction() as transaction:
        await transaction.execute("update training_sessions set status = 'deleting' where session_id = $1", session_id)
    receiver.always(204)
    late = await owner.event()
    deleted = await owner.event(SessionDeleted(session_id=session_id))
    log = await owner.ended(hook, 2)
    assert {item["eventId"]: item["status"] for item in log} == {waits: "cancelled", deleted: "delivered"}
    assert late not in receiver.times
    async with owner.database.transaction() as transaction:
        await transaction.execute("delete from training_sessions where session_id = $1", session_id)
    assert [item["eventId"] for item in await owner.log(hook)] == [deleted]
