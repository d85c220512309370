"""Statistics of what is in a dataset, from a bounded sample."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from shared.series.configuration import parse_configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.distributions import SAMPLED, Distribution, distributions
from tests.unit.series.examples import document, hourly


def built(hours: int) -> Dataset:
    configuration = parse_configuration(document(time_features={"day": {}}))
    return build_dataset(configuration, {place: hourly(hours, seed=place) for place in range(3)})


def test_a_small_dataset_is_described_by_all_its_values() -> None:
    dataset = built(300)

    found = distributions(dataset, "inputs", ["kW", "°C"])

    assert [(one.feature, one.unit) for one in found] == [
        ("load", "kW"),
        ("temp", "°C"),
        ("day sine", None),
        ("day cosine", None),
    ]
    values = dataset.array("inputs")[..., 0]
    described = found[0].describe()
    assert described["values"] == described["sampled"] == values.size
    assert described["mean"] == pytest.approx(values.mean())
    assert described["standard_deviation"] == pytest.approx(values.std())
    assert (described["min"], described["max"]) == (values.min(), values.max())
    assert described["quantiles"]["0.5"] == np.median(values)
    assert sum(described["histogram"]["counts"]) == values.size
    assert len(described["histogram"]["edges"]) == len(described["histogram"]["counts"]) + 1
    assert orjson.loads(orjson.dumps(described)) == described


def test_f74_of_a_large_dataset_a_bounded_even_sample_is_looked_at() -> None:
    dataset = built(20_000)

    (target,) = distributions(dataset, "targets", [None])

    assert target.count == dataset.array("targets").size > SAMPLED
    assert SAMPLED / 2 < len(target.values) <= SAMPLED + 3
    whole = dataset.array("targets")
    assert target.values.mean() == pytest.approx(whole.mean(), abs=0.3)
    assert target.values.std() == pytest.approx(whole.std(), rel=0.03)


@pytest.mark.parametrize("values", [[3.0, 3.0, 3.0], [1.0, float(np.nextafter(1.0, 2.0))], [5.0]])
def test_what_hardly_varies_has_a_histogram_too(values: list[float]) -> None:
    described = Distribution("x", None, len(values), np.array(values)).describe()
    assert sum(described["histogram"]["counts"]) == len(values)
    assert all(np.diff(described["histogram"]["edges"]) > 0)
