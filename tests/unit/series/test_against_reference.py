"""Windows, features and drops equal to the slow reference's, over random series and configurations."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings

from shared.series.configuration import parse_configuration
from shared.series.maker import KEPT, WindowMaker
from shared.series.sampling import Drop
from shared.series.selection import select_windows
from shared.series.series import Series, Values
from tests.reference.parts import chronological_parts
from tests.reference.windows import make_windows
from tests.unit.series.examples import as_rows
from tests.unit.series.strategies import cases

Case = tuple[dict[str, Any], dict[int, Series]]
many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def made(maker: WindowMaker, side: Any) -> Values:
    kept = maker.blame().kept
    blocks = [
        np.stack([np.stack(column.steps(), axis=1) for _, column in maker.columns(side, span, kept[span])], axis=-1)
        for span in maker.spans()
    ]
    return np.concatenate(blocks) if blocks else np.empty((0, maker.steps[side], len(maker.features[side])))


@given(cases())
@many
def test_f72_windows_features_and_drops_are_those_of_the_slow_reference(case: Case) -> None:
    document, series = case
    configuration = parse_configuration(document)
    maker = WindowMaker(configuration, series, 1 << 30)
    expected = make_windows(configuration.model_dump(mode="json"), [as_rows(series[place]) for place in sorted(series)])

    blame = maker.blame()

    assert maker.references.times()[blame.kept].tolist() == expected.reference_times
    places = [place for role in ("input", "output") for place, e in enumerate(configuration.series) if e.role == role]
    blamed = blame.series != KEPT
    found = Counter(
        (places[one], Drop(cause).name.lower())
        for one, cause in zip(blame.series[blamed].tolist(), blame.causes[blamed].tolist(), strict=True)
    )
    assert found == expected.dropped
    if expected.reference_times:
        np.testing.assert_allclose(made(maker, "inputs"), expected.inputs, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(made(maker, "targets"), expected.targets, rtol=1e-9, atol=1e-9)


@given(cases())
@many
def test_parts_are_those_of_the_slow_reference(case: Case) -> None:
    document, series = case
    configuration = parse_configuration(document)
    stored, rows = configuration.model_dump(mode="json"), [as_rows(series[place]) for place in sorted(series)]

    found = select_windows(configuration, series)

    expected = chronological_parts(stored, rows, found.reference_times.tolist())
    parts = found.parts
    assert {name: getattr(parts, name).tolist() for name in expected} == expected
    assert parts.embargoed == len(found.reference_times) - sum(map(len, expected.values()))
