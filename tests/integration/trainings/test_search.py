"""Searches on real servers with real workers: shared out, interrupted, given up, repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from shared.database.pool import Record
from tests.integration.apps import caller
from tests.integration.conftest import Owned
from tests.integration.jobs import event_names
from tests.integration.replicas import Replica
from tests.integration.training import artifact, ended, objects_of, only_job, progress_of, trials_of
from tests.integration.trainings.trainer import Trainer, job_processes
from tests.processes import living
from tests.waiting import until

pytestmark = pytest.mark.integration

TREES = {
    "kind": "LightGBM",
    "trees": 40,
    "seed": 5,
    "search": {"trials": 12, "space": {"leaves": {"low": 2, "high": 15}}},
}
"""Seconds for each trial, and no TensorFlow to wait for."""
ENDLESS = {**TREES, "leaves": 7, "trees": 5000, "patience": 10_000}
NETWORKS = {
    "kind": "Dense",
    "layers": 1,
    "units": 8,
    "epochs": 8,
    "batch_size": 64,
    "activation": "relu",
    "seed": 1,
    "search": {"trials": 6, "space": {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}}},
}


async def under_way(trainer: Trainer, owned: Owned, *, ended: int) -> list[Record]:
    """The trials, as soon as so many have ended and each worker has just begun another one."""

    async def so_far() -> list[Record] | None:
        trials = await trials_of(trainer.database, owned)
        done = [trial for trial in trials if trial["status"] == "trained"]
        at_work = [trial["progress"] for trial in trials if trial["status"] == "running"]
        return trials if len(done) >= ended and len(at_work) == 2 and max(at_work) < 50 else None

    found: list[Record] = await until(so_far, seconds=90, what=f"{ended} trials ended and two under way")
    return found


def outcome_of(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All of their table that must not depend on who made them, nor on when."""
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in trials]


async def test_f27_two_workers_share_a_searchs_trials_and_a_killed_ones_trial_is_done_again(
    trainer: Trainer, workers: Callable[..., Replica]
) -> None:
    first, second = workers("first"), workers("second")
    await first.answers()
    await second.answers()
    owned = await trainer.start(TREES)
    before = await under_way(trainer, owned, ended=2)
    by_worker = {trial["worker"]: trial for trial in before if trial["status"] == "running"}
    children = [child.pid for child in psutil.Process(first.process_id).children(recursive=True)]
    await first.kill()
    await until(lambda: not living(children), what="its children ended")
    job = await only_job(trainer.database, owned)
    told = await progress_of(trainer.database, job["id"])
    assert len(by_worker) == 2, "each worker is at a trial of its own"

    job = await ended(trainer.database, owned)

    trials = await trials_of(trainer.database, owned)
    assert {trial["status"] for trial in trials} == {"trained"}
    again = [trial for trial in trials if trial["attempt"] > 1]
    assert len(again) == 1, "one trial was lost, and no other"
    [was] = [trial for trial in before if trial["id"] == again[0]["id"]]
    assert was["asked"] in (None, again[0]["asked"]), "and the same was tried again"
    assert job["progress"] >= told > 0
    names = Counter(await event_names(trainer.database, owned))
    assert names["model.trained"] == 1
    assert names["model.failed"] == 0
    found = job["detail"]["search"]
    assert (found["trials"], found["trained"], found["failed"]) == (12, 12, 0)
    assert {name: job["parameters"][name] for name in found["parameters"]} == found["parameters"]
    assert job["detail"]["chosen"] == found["parameters"]
    assert found["val_loss"] == min(trial["metrics"]["val_loss"] for trial in trials) <= found["val_loss_as_given"]
    table = await artifact(trainer.store, job, "trials")
    assert [line["parameters"] for line in table] == [trial["asked"] for trial in trials]

    async def only_the_models() -> bool:
        named = {reference["key"] for reference in job["artifacts"].values()}
        return await objects_of(trainer.store, owned) == named

    await until(only_the_models, what="nothing else of it in the store")


async def test_the_same_seed_and_one_worker_make_the_same_trials_give_up_the_same_and_end_with_the_same_model(
    trainer: Trainer, workers: Callable[..., Replica]
) -> None:
    workers("worker", FORETIDE_PRELOAD_MODELS="true")
    results = []
    for _ in range(2):
        owned = await trainer.start(NETWORKS)
        lowest = 0.0

        async def trained(owned: Owned = owned) -> Record | None:
            nonlocal lowest
            job = await only_job(trainer.database, owned)
            assert job["progress"] >= lowest, "progress never goes backwards"
            assert job["status"] in ("queued", "running", "trained"), job["error"]
            lowest = job["progress"]
            return job if job["status"] == "trained" else None

        job = await until(trained, seconds=240, what="the search over and its model trained")
        results.append((job["metrics"], job["parameters"], outcome_of(await artifact(trainer.store, job, "trials"))))
        best = results[-1][2][job["detail"]["search"]["trial"]]
        losses = [epoch["val_loss"] for epoch in await artifact(trainer.store, job, "history")]
        assert losses == best["epochs"], "the best trial's model is the one that was trained"

    first, second = results
    assert first == second
    states = Counter(trial["state"] for trial in first[2])
    assert states["pruned"] >= 1
    assert all(2 < len(trial["epochs"]) < 8 for trial in first[2] if trial["state"] == "pruned")


async def test_a_running_trial_ends_with_the_searchs_time_and_the_best_so_far_is_trained(
    trainer: Trainer, workers: Callable[..., Replica]
) -> None:
    owned = await trainer.start(
        {**ENDLESS, "time_limit_seconds": 3, "search": {**TREES["search"], "trials": 50, "time_limit_seconds": 30}}
    )
    workers("worker")

    job = await ended(trainer.database, owned)

    trials = await trials_of(trainer.database, owned)
    states = Counter(trial["status"] for trial in trials)
    assert states["trained"] >= 1
    assert states["cancelled"] == 50 - states["trained"]
    assert sum(trial["attempt"] for trial in trials) == states["trained"] + 1, "one was under way"
    found = job["detail"]["search"]
    assert job["parameters"] == trials[found["trial"]]["parameters"]
    assert found["seconds"] < 30 + 30
    assert job["detail"]["warnings"][0].startswith(f"The search's time was over: {states['cancelled']} of 50 trials")


async def test_f29_a_cancelled_searchs_trial_stops_within_five_seconds(
    trainer: Trainer, workers: Callable[..., Replica]
) -> None:
    owned = await trainer.start(ENDLESS)
    worker = workers("worker")

    async def runs() -> bool:
        begun = any(trial["progress"] > 0 for trial in await trials_of(trainer.database, owned))
        return begun and len(job_processes(worker)) > 0

    await until(runs, seconds=60, what="a trial under way")
    children = [process.pid for process in job_processes(worker)]
    async with caller(trainer.api, trainer.servers, owned.user_id) as client:
        assert (await client.post(f"/api/training/cancel/{owned.session_id}")).status_code == 202

    await until(lambda: len(living(children)) < len(children), what="its child ended")
    rows = [await only_job(trainer.database, owned), *await trials_of(trainer.database, owned)]
    assert {row["status"] for row in rows} == {"cancelled"}
    await until(lambda: bool(worker.said("job given up")), what="the worker is free")
