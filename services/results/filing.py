"""Files one trained model: its results go to the store, and a row says where they are.

The row is written first and reserves the keys, so whatever a lost process has stored is overwritten by the next
attempt at the same message, and never orphaned.
"""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from services.results.closing import close_if_ended
from services.results.removal import remove_everything
from services.results.telling import FilingTold
from shared.bus.topology import Subscription
from shared.database.pool import Record, Transaction
from shared.delivery import outbox
from shared.delivery.inbox import first_time, handled, read
from shared.events.envelope import Envelope
from shared.events.payloads import ModelTrained, Reference, ResultsStored
from shared.problems import Problem, ProblemError, problem_of
from shared.runtime.child import Children
from shared.runtime.service import Service
from shared.shares import TellShare
from shared.storage.keys import TRAINING_RESULTS
from shared.storage.transfer import get_file, put_file
from shared.telemetry.logs import logger
from shared.telemetry.trace import current_trace_id

log = logger(__name__)

PLOTS = ("loss_curve", "predictions")
"""Pictures that are stored with every model; others are drawn when they are asked for."""
SUBSCRIPTION = Subscription("results", "model.trained", "event")
_RESERVE = """
insert into public.training_results
    (session_id, user_id, run_id, job_id, results_file_path, compressed, results_metadata)
values ($1, $2, $3, $4, $5, true, $6) on conflict do nothing
"""


class Filing:
    """The handler of ``model.trained``."""

    def __init__(self, service: Service, children: Children) -> None:
        self._service = service
        self._told = FilingTold(service.progress_sender("results"))
        self._children = children

    async def handle(self, envelope: Envelope) -> None:
        """Store everything of one model, then say so; a redelivery finds it done."""
        event = read(envelope, ModelTrained)
        async with self._service.database.transaction() as transaction:
            if await handled(transaction, SUBSCRIPTION.queue, envelope):
                return
        row = await self._reserve(envelope, event)
        if row is None:
            await remove_everything(self._service.store, event.session_id)
            return
        if row["status"] in ("completed", "deleting"):
            return
        try:
            async with self._told.of(event, row["user_id"]) as tell:
                stored = await self._store(row, event, tell)
        except ProblemError as error:
            if error.retryable:
                await self._mark_failed(row, problem_of(error, current_trace_id()), resumes=True)
            raise
        if not await self._commit(envelope, row, event, stored):
            await self._service.store.delete_many(TRAINING_RESULTS, [entry["key"] for entry in stored.values()])

    async def give_up(self, envelope: Envelope, error: BaseException) -> None:
        """The message became a dead letter: the model is kept, its results are marked failed, the run can end."""
        event = read(envelope, ModelTrained)
        problem = problem_of(error, current_trace_id())
        async with self._service.database.transaction() as transaction:
            row = await transaction.fetch_row("select * from public.training_results where job_id = $1", event.job_id)
        if row is not None:
            await self._mark_failed(row, problem, resumes=False)
        async with self._service.database.transaction() as transaction:
            await close_if_ended(transaction, event.run_id)

    async def _reserve(self, envelope: Envelope, event: ModelTrained) -> Record | None:
        """The result's row, made if it is not there; None when the session is going or gone."""
        async with self._service.database.transaction() as transaction:
            owner = await transaction.fetch_value(
                """select user_id from public.training_sessions
                   where session_id = $1 and status <> 'deleting' for share""",
                event.session_id,
            )
            if owner is None:
                return None
            moment = envelope.time
            while (row := await _row(transaction, event.job_id)) is None:
                await transaction.execute(
                    _RESERVE,
                    event.session_id,
                    owner,
                    event.run_id,
                    event.job_id,
                    f"{event.session_id}/training_results_{_stamp(moment)}.json.gz",
                    _metadata(event),
                )
                # Two models of a session that end in the same second: the later one takes the next second.
                moment += timedelta(seconds=1)
            return row

    async def _store(self, row: Record, event: ModelTrained, tell: TellShare) -> dict[str, Any]:
        """The table first: it is the primary copy, and what is lost after it can be made from it."""
        with tempfile.TemporaryDirectory(prefix="foretide-results-") as temporary:
            folder = Path(temporary)
            await self._fetch(event, folder)
            asked = {"work": "results", "folder": temporary, "event": event.model_dump(mode="json")}
            await self._children.run(asked)
            # Not earlier: what the trainer told last may still have waited for its turn.
            tell(0.6)
            stem = row["results_file_path"].removesuffix(".json.gz")
            model = next(folder.glob("model.*"))
            places = {
                "table": (folder / "table.parquet", f"{stem}.parquet", "application/vnd.apache.parquet"),
                "document": (folder / "document.json.gz", row["results_file_path"], "application/gzip"),
                "model": (model, _model_key(stem, model.suffix), "application/octet-stream"),
            }
            for name in PLOTS:
                key = f"{event.session_id}/plots/{event.job_id}/{name}.png"
                places[name] = (folder / f"{name}.png", key, "image/png")
            stored: dict[str, Any] = {}
            for name, (path, key, content_type) in places.items():
                written = await put_file(self._service.store, TRAINING_RESULTS, key, path, content_type=content_type)
                stored[name] = written.reference.model_dump(mode="json")
                tell(0.6 + 0.4 * len(stored) / len(places))
        return stored

    async def _fetch(self, event: ModelTrained, folder: Path) -> None:
        """The trainer's artifacts under their own file names, and the dataset that they came from."""
        references = [(Path(r.key).name, r) for r in event.artifacts.values()]
        async with self._service.database.transaction() as transaction:
            dataset = await transaction.fetch_value(
                """select d.metadata -> 'references' from public.training_datasets d
                   join public.training_runs r on r.dataset_id = d.id where r.id = $1""",
                event.run_id,
            )
        for name, file_name in (("dataset", "dataset.npz"), ("manifest", "manifest.json")):
            references.append((file_name, Reference.model_validate(dataset[name])))
        for file_name, source in references:
            await get_file(
                self._service.store,
                source.bucket,
                source.key,
                folder / file_name,
                expected_sha256=source.sha256,
            )

    async def _commit(self, envelope: Envelope, row: Record, event: ModelTrained, stored: dict[str, Any]) -> bool:
        """False when the row went away meanwhile (the session was deleted)."""
        async with self._service.database.transaction() as transaction:
            if not await first_time(transaction, SUBSCRIPTION.queue, envelope):
                return True
            updated = await transaction.execute(
                """update public.training_results r set status = 'completed', completed_at = now(),
                       file_size_bytes = $2, evaluation_metrics = $3, model_performance = $4, artifacts = $5,
                       summary = null
                   from public.training_sessions s
                   where r.id = $1 and r.status <> 'deleting'
                       and s.session_id = r.session_id and s.status <> 'deleting'""",
                row["id"],
                stored["document"]["bytes"],
                event.metrics,
                _performance(event),
                {**{n: r.model_dump(mode="json") for n, r in event.artifacts.items()}, **stored},
            )
            if not updated:
                return False
            await _record_plots(transaction, row, stored)
            await outbox.record(
                transaction,
                ResultsStored(
                    session_id=event.session_id,
                    run_id=event.run_id,
                    job_id=event.job_id,
                    result_id=row["id"],
                    model=event.model,
                    target=event.target,
                    results_file_path=row["results_file_path"],
                    file_size_bytes=stored["document"]["bytes"],
                    metrics=event.metrics,
                ),
                source="results",
                session_id=event.session_id,
                user_id=row["user_id"],
            )
            await close_if_ended(transaction, event.run_id)
            return True

    async def _mark_failed(self, row: Record, problem: Problem, *, resumes: bool) -> None:
        async with self._service.database.transaction() as transaction:
            await transaction.execute(
                """update public.training_results set status = 'failed', summary = $2
                   where id = $1 and status in ('storing', 'failed')""",
                row["id"],
                {"resumes": resumes, "problem": problem.model_dump(mode="json")},
            )


async def _row(transaction: Transaction, job_id: UUID) -> Record | None:
    return await transaction.fetch_row("select * from public.training_results where job_id = $1", job_id)


async def _record_plots(transaction: Transaction, row: Record, stored: dict[str, Any]) -> None:
    for name in PLOTS:
        await transaction.execute(
            """insert into public.training_visualizations
                   (session_id, user_id, job_id, plot_name, plot_type, storage_path, metadata)
               values ($1, $2, $3, $4, $4, $5, $6)
               on conflict (session_id, job_id, plot_name) do update set storage_path = excluded.storage_path""",
            row["session_id"],
            row["user_id"],
            row["job_id"],
            name,
            stored[name]["key"],
            stored[name],
        )


def _model_key(stem: str, suffix: str) -> str:
    folder, _, stamp = stem.rpartition("training_results_")
    return f"{folder}model_{stamp}{suffix}"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d_%H%M%S")


def _metadata(event: ModelTrained) -> dict[str, Any]:
    """What lists show without the store; ``accuracy`` keeps its place and is null for regression."""
    return {
        "accuracy": None,
        "loss": event.metrics.get("mse"),
        "mae": event.metrics.get("mae"),
        "rmse": event.metrics.get("rmse"),
        "epochs_requested": event.epochs_requested,
        "epochs_completed": event.epochs_completed,
        "model_type": event.model,
        "target": event.target,
        "dataset_count": event.metrics.get("windows"),
        "training_split": event.metrics.get("split"),
    }


def _performance(event: ModelTrained) -> dict[str, Any]:
    return {
        "duration_seconds": event.duration_seconds,
        "epochs_requested": event.epochs_requested,
        "epochs_completed": event.epochs_completed,
        "attempt": event.attempt,
    }
