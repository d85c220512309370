"""An owner sees how far the server is with a file, before any session has it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.upload.telling import FilesTold
from shared.analysis import blocks, settle
from shared.analysis.analyse import analyse_file
from shared.analysis.whole import read_whole
from shared.events.payloads import Progress, UploadProgress
from tests.unit.runtime.hearing import HearingSender

USER = uuid4()


def files_told() -> tuple[FilesTold, HearingSender]:
    sender: Any = HearingSender()
    return FilesTold(sender), sender


async def test_a_file_is_put_together_and_then_read() -> None:
    files, sender = files_told()
    async with files.of_upload(USER, "u", "a.csv") as tell:
        for share in (0.0, 0.5, 1.0):
            tell.upload(share)
        for share in (0.0, 0.5, 1.0):
            tell.analysis(share)
    assert all(isinstance(one, UploadProgress) and one.upload_id == "u" for one in sender.told)
    assert [phase for phase, _ in sender.steps()] == ["upload"] * 3 + ["analysis"] * 3
    percents = [percent for _, percent in sender.steps()]
    assert (percents, percents[0], percents[-1]) == (sorted(percents), 0.0, 100.0)


async def test_f78_an_upload_that_is_taken_up_again_does_not_go_back() -> None:
    files, sender = files_told()
    with suppress(ConnectionError):
        async with files.of_upload(USER, "u", "a.csv") as tell:
            tell.analysis(0.5)
            raise ConnectionError
    async with files.of_upload(USER, "u", "a.csv") as tell:
        tell.upload(0.0)
    async with files.of_upload(uuid4(), "u", "a.csv") as tell:
        tell.upload(0.0)
    assert [percent for _, percent in sender.steps()] == [65.0, 65.0, 0.0]


async def test_each_reading_of_a_sessions_file_is_a_job_of_its_own() -> None:
    files, sender = files_told()
    file: Any = {"id": uuid4(), "session_id": "s", "user_id": USER, "file_name": "a.csv"}
    for number in (1, 2):
        async with files.of_reading(file, number) as tell:
            tell(0.0)
            tell(1.0)
    assert all(isinstance(one, Progress) and one.phase == "analysis" for one in sender.told)
    assert [percent for _, percent in sender.steps()] == [0.0, 100.0, 0.0, 100.0]
    assert len({one.job_id for one in sender.told}) == 2


@pytest.mark.parametrize(("middle", "times"), [("15", 1), ("1,5", 2)])
def test_the_analysis_tells_block_by_block_and_never_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, middle: str, times: int
) -> None:
    """A decimal comma that the sample has not seen makes it read the file again."""
    rows = [f"{1_700_000_000 + 600 * row};{middle if 20_000 < row < 40_000 else 15}" for row in range(100_000)]
    path = tmp_path / "load.csv"
    path.write_text("time;load\n" + "\n".join(rows) + "\n")
    monkeypatch.setattr(blocks, "_PIECE_BYTES", 100_000)
    passes: list[Path] = []
    monkeypatch.setattr(settle, "read_whole", lambda *given: passes.append(given[1]) or read_whole(*given))
    shares: list[float] = []

    analyse_file(path, file_name="load.csv", parquet_path=tmp_path / "canonical.parquet", tell=shares.append)

    assert shares == sorted(shares)
    assert len(passes) == times
    assert len(shares) > 10 * times
    assert shares[-1] == 1.0
