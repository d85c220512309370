"""What a job trains on, from the store."""

from __future__ import annotations

from pathlib import Path

from shared.database.pool import Record
from shared.events.payloads import Reference
from shared.jobs.patience import patiently
from shared.jobs.worker import ClaimLost
from shared.runtime.service import Service
from shared.storage.transfer import get_file


async def fetch_dataset(service: Service, row: Record, folder: Path) -> tuple[Path, Path]:
    """Put the run's dataset and its manifest into the folder. Raises :class:`ClaimLost` where the run is gone."""
    async with service.database.transaction() as transaction:
        references = await transaction.fetch_value(
            """select d.metadata -> 'references' from public.training_datasets d
               join public.training_runs r on r.dataset_id = d.id where r.id = $1""",
            row["run_id"],
        )
    if references is None:
        raise ClaimLost
    for name in ("dataset", "manifest"):
        source = Reference.model_validate(references[name])
        await patiently(
            "for a dataset",
            lambda s=source, p=folder / name: get_file(service.store, s.bucket, s.key, p, expected_sha256=s.sha256),  # type: ignore[misc]
        )
    return folder / "dataset", folder / "manifest"
