"""Commands over the socket do what their HTTP twins do: the same authorisation, validation, idempotency, problems."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from foretide.stack.servers import LocalServers
from services.trainer.app import create_api as trainer_api
from shared.database.pool import Database
from tests.integration.apps import ServiceProcess, settings_for, token_of
from tests.integration.conftest import Owned
from tests.integration.gateway.servers import serving
from tests.integration.jobs import event_names, jobs_of, with_dataset
from tests.integration.realtime.watching import watcher
from tests.ports import free_port

pytestmark = pytest.mark.integration

LINEAR = {"kind": "Linear"}


@pytest.fixture(scope="module")
async def trainer_url(servers: LocalServers) -> AsyncIterator[str]:
    """The trainer's API behind real HTTP; no worker runs."""
    port = free_port()
    async with serving(trainer_api(settings_for(servers, sweep_seconds=3600)), port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
async def commanding(servers: LocalServers, trainer_url: str) -> AsyncIterator[ServiceProcess]:
    """A notifier that knows that trainer."""
    async with ServiceProcess("notifier", settings_for(servers, trainer_url=trainer_url)) as process:
        yield process


@pytest.fixture
async def session(database: Database) -> Owned:
    """One that can be trained."""
    return await with_dataset(database)


def named(problem: dict[str, Any]) -> dict[str, Any]:
    """What of a problem does not differ from one time to the next."""
    return {name: value for name, value in problem.items() if name not in ("trace_id", "instance")}


async def by_http(trainer_url: str, token: str, path: str, **asked: Any) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:
        return await client.post(f"{trainer_url}/api/training/{path}", **asked)


async def test_a_run_that_a_socket_starts_is_the_run_that_http_shows(
    commanding: ServiceProcess, trainer_url: str, database: Database, session: Owned, token: str
) -> None:
    before = datetime.now(UTC)
    async with watcher(commanding.url, token) as client:
        await client.join(session.session_id)
        answer = await client.ask(
            "start_training", session_id=session.session_id, models=[LINEAR], time_limit_seconds=600
        )
        assert (answer["ok"], answer["status"]) == (True, "training_started")
        await client.has("phase_update")
        assert client.of("phase_update")[0]["run_id"] == answer["run_id"]
        standing = (await client.ask("get_status", session_id=session.session_id))["status"]
    assert (standing["phase"], standing["run_id"]) == ("training", answer["run_id"])
    assert [job["model"] for job in standing["jobs"]] == ["Linear"]
    deadline = datetime.fromisoformat(standing["deadline"])
    assert (deadline - before).total_seconds() == pytest.approx(600, abs=60)
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as http:
        told = (await http.get(f"{trainer_url}/api/training/status/{session.session_id}")).json()
    assert told["runId"] == standing["run_id"]
    assert [job["jobId"] for job in told["jobs"]] == [job["job_id"] for job in standing["jobs"]]


@pytest.mark.parametrize(
    "asked",
    [
        {"models": [{"kind": "Prophet"}]},
        {"models": [{"kind": "Dense", "layers": -1}]},
        {"models": [{"kind": "Dense", "units": 10**7}]},
        {"models": "Linear"},
        {"models": []},
        {"models": [LINEAR] * 51},
        {"models": [LINEAR], "time_limit_seconds": 0.5},
        {"models": [LINEAR], "time_limit_seconds": "soon"},
    ],
    ids=lambda asked: str(asked)[:40],
)
async def test_what_http_refuses_the_socket_refuses_with_the_same_problem(
    asked: dict[str, Any],
    commanding: ServiceProcess,
    trainer_url: str,
    database: Database,
    session: Owned,
    token: str,
) -> None:
    async with watcher(commanding.url, token) as client:
        answer = await client.ask("start_training", session_id=session.session_id, **asked)
    http = await by_http(trainer_url, token, f"train-models/{session.session_id}", json=asked)
    assert answer["ok"] is False
    assert http.status_code == answer["problem"]["status"] >= 400
    assert named(answer["problem"]) == named(http.json())
    assert await jobs_of(database, session) == []
    assert await event_names(database, session) == []


async def test_the_same_key_starts_one_run_and_no_key_starts_no_second(
    commanding: ServiceProcess, trainer_url: str, database: Database, session: Owned, token: str
) -> None:
    async with watcher(commanding.url, token) as client:

        async def start(**more: Any) -> dict[str, Any]:
            return await client.ask("start_training", session_id=session.session_id, models=[LINEAR], **more)

        first = await start(idempotency_key="once")
        assert await start(idempotency_key="once") == first
        other = await start(idempotency_key="once", time_limit_seconds=60)
        assert (other["ok"], other["problem"]["status"]) == (False, 422)
        busy = await start()
        assert (busy["ok"], busy["problem"]["category"]) == (False, "CONFLICT")
    assert len(await jobs_of(database, session)) == 1


async def test_cancelling_ends_the_run_and_cancelling_nothing_is_a_conflict_as_over_http(
    commanding: ServiceProcess, trainer_url: str, database: Database, session: Owned, token: str
) -> None:
    async with watcher(commanding.url, token) as client:
        await client.join(session.session_id)
        await client.ask("start_training", session_id=session.session_id, models=[LINEAR])
        answer = await client.ask("cancel_training", session_id=session.session_id)
        assert answer == {"ok": True, "status": "cancelling", "session_id": session.session_id}
        await client.has("training_cancelled")
        again = await client.ask("cancel_training", session_id=session.session_id)
    http = await by_http(trainer_url, token, f"cancel/{session.session_id}")
    assert http.status_code == 409
    assert named(again["problem"]) == named(http.json())
    assert [job["status"] for job in await jobs_of(database, session)] == ["cancelled"]


@pytest.mark.parametrize("name", ["start_training", "cancel_training"])
async def test_f54_somebody_elses_session_is_not_there(
    name: str, commanding: ServiceProcess, servers: LocalServers, database: Database, session: Owned
) -> None:
    async with watcher(commanding.url, token_of(servers, uuid4())) as outsider:
        answer = await outsider.ask(name, session_id=session.session_id)
        traversal = await outsider.ask(name, session_id=f"../status/{session.session_id}")
    assert (answer["ok"], answer["problem"]["category"]) == (False, "NOT_FOUND")
    assert (traversal["ok"], traversal["problem"]["category"]) == (False, "NOT_FOUND")
    assert await jobs_of(database, session) == []


async def test_commands_are_taken_from_the_same_budget_as_requests_over_http(
    servers: LocalServers, trainer_url: str, database: Database, token_for: Callable[[Owned], str]
) -> None:
    owned, port = await with_dataset(database), free_port()
    limited = settings_for(servers, sweep_seconds=3600, requests_per_minute=3)
    async with (
        serving(trainer_api(limited), port),
        ServiceProcess("notifier", limited.model_copy(update={"trainer_url": f"http://127.0.0.1:{port}"})) as process,
        watcher(process.url, token_for(owned)) as client,
    ):
        answers = [await client.ask("cancel_training", session_id=owned.session_id) for _ in range(3)]
        refused = await client.ask("get_status", session_id=owned.session_id)
        still = await client.ask("cancel_training", session_id=owned.session_id)
    assert [answer["problem"]["category"] for answer in answers] == ["CONFLICT"] * 3
    assert [answer["problem"]["category"] for answer in (refused, still)] == ["RATE_LIMITED"] * 2


@pytest.mark.parametrize(
    "asked",
    [
        {"models": [b"bytes"]},
        {"models": [{"kind": "Linear", "alpha": float("nan")}]},
        {"models": [{"kind": "\ud800"}]},
        {"models": [LINEAR], "idempotency_key": "with a space at its end "},
    ],
    ids=["bytes", "not a number", "half a character", "key"],
)
async def test_what_cannot_be_sent_on_to_the_trainer_is_said_to_be_malformed(
    commanding: ServiceProcess, session: Owned, token: str, asked: dict[str, Any]
) -> None:
    async with watcher(commanding.url, token) as client:
        answer = await client.ask("start_training", session_id=session.session_id, **asked)
        assert (answer["ok"], answer["problem"]["category"]) == (False, "DATA_VALIDATION"), answer


async def test_a_notifier_that_knows_no_trainer_says_what_to_do_instead(
    notifier: ServiceProcess, session: Owned, token: str
) -> None:
    async with watcher(notifier.url, token) as client:
        answer = await client.ask("start_training", session_id=session.session_id)
    assert (answer["ok"], answer["problem"]["status"]) == (False, 503)
    assert "FORETIDE_TRAINER_URL" in answer["problem"]["detail"]


async def test_a_command_waits_for_a_trainer_that_is_being_restarted(
    servers: LocalServers, database: Database, session: Owned, token: str
) -> None:
    port = free_port()
    settings = settings_for(servers, trainer_url=f"http://127.0.0.1:{port}")
    async with ServiceProcess("notifier", settings) as process, watcher(process.url, token) as client:
        asking = client.client.start_background_task(
            client.ask, "start_training", session_id=session.session_id, models=[LINEAR]
        )
        async with serving(trainer_api(settings_for(servers, sweep_seconds=3600)), port):
            answer = await asking
    assert answer["ok"], answer
    assert len(await jobs_of(database, session)) == 1
