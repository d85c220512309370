"""The filing of a model is the end of its job."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from services.results.telling import FilingTold
from shared.events.payloads import MODEL_TRAINED_PERCENT, ModelTrained
from tests.unit.runtime.hearing import HearingSender


def trained() -> ModelTrained:
    return ModelTrained(
        session_id="s",
        run_id=uuid4(),
        job_id=uuid4(),
        model="SVR",
        target="load",
        attempt=1,
        metrics={},
        duration_seconds=1.0,
        artifacts={},
    )


async def test_f78_it_goes_on_where_the_trainer_ends_also_when_it_is_tried_again() -> None:
    sender: Any = HearingSender()
    filing, event = FilingTold(sender), trained()
    with suppress(ConnectionError):
        async with filing.of(event, uuid4()) as tell:
            tell(0.0)
            tell(0.6)
            raise ConnectionError
    async with filing.of(event, uuid4()) as tell:
        tell(0.0)
        tell(1.0)
    begun = MODEL_TRAINED_PERCENT + 0.6 * (100.0 - MODEL_TRAINED_PERCENT)
    assert [percent for _, percent in sender.steps()] == pytest.approx([MODEL_TRAINED_PERCENT, begun, begun, 100.0])
    assert {(one.phase, one.job_id, one.model) for one in sender.told} == {("storing", event.job_id, "SVR")}
