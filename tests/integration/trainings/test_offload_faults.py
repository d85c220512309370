"""The store fails at any moment of filing: nothing is lost, nothing is left over, and it is said once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.results.filing import Filing
from shared.database.pool import Database, Record
from shared.events.envelope import Envelope
from shared.runtime.child import Children
from shared.storage.errors import StoreUnavailable
from shared.storage.keys import TRAINING_RESULTS
from tests.integration.trainings.stored import Stored

pytestmark = pytest.mark.integration

PUTS = ("table", "document", "model", "loss_curve", "predictions")


class Breaking:
    """The store, which breaks once at a put: before it, or after it without an answer."""

    def __init__(self, store: Any, at: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, at, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put(self, *args: Any, **options: Any) -> Any:
        self._left -= 1
        if self._left == -1 and not self._after:
            raise StoreUnavailable("it is away")
        stored = await self._store.put(*args, **options)
        if self._left == -1:
            raise StoreUnavailable("its answer was lost")
        return stored


class Filer:
    """Files one trained model anew, as if it had just been trained."""

    def __init__(self, stored: Stored, database: Database, event: Record, children: Children) -> None:
        self.database, self.store = database, stored.results.state.service.store
        self.service = stored.results.state.service
        self.filing = Filing(self.service, children)
        self.job_id = UUID(event["envelope"]["data"]["job_id"])
        self.envelope = Envelope.model_validate({**event["envelope"], "id": str(uuid4())})

    async def file(self) -> None:
        await self.filing.handle(self.envelope)

    async def row(self) -> Record:
        async with self.database.transaction() as transaction:
            row = await transaction.fetch_row("select * from training_results where job_id = $1", self.job_id)
        assert row is not None
        return row

    async def said(self) -> int:
        """How often it was said that this result is stored."""
        async with self.database.transaction() as transaction:
            count: int = await transaction.fetch_value(
                """select count(*) from session_events where name = 'results.stored'
                   and envelope -> 'data' ->> 'result_id' = $1""",
                str((await self.row())["id"]),
            )
        return count

    async def objects(self) -> set[str]:
        """Keys of what there is of this result."""
        row = await self.row()
        stem = row["results_file_path"].removesuffix(".json.gz")
        stamp = stem.rpartition("training_results_")[2]
        return {
            found.key
            async for found in self.store.list(TRAINING_RESULTS, f"{row['session_id']}/")
            if stamp in found.key or str(self.job_id) in found.key
        }


@pytest.fixture
async def filer(stored: Stored, database: Database) -> AsyncIterator[Filer]:
    """Of the newest run's model; what was filed of it before is gone."""
    async with database.transaction() as transaction:
        event = await transaction.fetch_row(
            """select envelope from session_events where session_id = $1 and name = 'model.trained'
               order by sequence desc limit 1""",
            stored.owned.session_id,
        )
    assert event is not None
    children = Children("services.results.child", what="Making files of the results")
    made = Filer(stored, database, event, children)
    async with database.transaction() as transaction:
        await transaction.execute("delete from training_results where job_id = $1", made.job_id)
    yield made
    made.service._store = made.store
    await children.stop()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(len(PUTS)), ids=PUTS)
async def test_f23_f43_a_store_that_breaks_at_a_put_leaves_a_result_that_is_complete_in_the_end(
    at: int, after: bool, filer: Filer
) -> None:
    filer.service._store = Breaking(filer.store, at, after=after)
    with pytest.raises(StoreUnavailable):
        await filer.file()
    failed = await filer.row()

    await filer.file()
    await filer.file()

    assert (failed["status"], failed["summary"]["resumes"]) == ("failed", True)
    assert failed["results_metadata"]["model_type"] == "DLinear"
    row = await filer.row()
    assert (row["id"], row["status"], row["summary"]) == (failed["id"], "completed", None)
    assert await filer.objects() == {row["artifacts"][name]["key"] for name in PUTS}
    assert await filer.said() == 1


async def test_what_was_given_up_keeps_its_metadata_and_model_and_is_filed_when_it_is_replayed(filer: Filer) -> None:
    filer.service._store = Breaking(filer.store, 0, after=False)
    with pytest.raises(StoreUnavailable) as raised:
        await filer.file()
    await filer.filing.give_up(filer.envelope, raised.value)
    given_up = await filer.row()

    await filer.file()

    assert given_up["summary"]["resumes"] is False
    assert given_up["summary"]["problem"]["category"] == "STORAGE_UNAVAILABLE"
    assert given_up["results_metadata"]["rmse"] is not None
    assert (await filer.row())["status"] == "completed"
    assert await filer.said() == 1
