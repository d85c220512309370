"""Scalers: each kind's rule, what they are learned from, and that every stored form is the same map."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from shared.series import quantiles as quantiles_module
from shared.series.columns import Column
from shared.series.configuration import parse_configuration
from shared.series.configuration_fields import Scale
from shared.series.dataset import build_dataset
from shared.series.fitting import Columns, fit_scalers
from shared.series.quantiles import quantiles
from shared.series.scalers import Kind, Scaler
from shared.series.scalers_skops import as_sklearn, write_skops
from shared.series.series import Values
from tests.unit.series.examples import document, hourly

KINDS: tuple[Kind, ...] = ("minmax", "standard", "robust")
TWINS: dict[str, Any] = {
    "minmax": MinMaxScaler(feature_range=(-1, 2)),
    "standard": StandardScaler(),
    "robust": RobustScaler(),
}


def in_blocks(values: Values, size: int = 7) -> Columns:
    """One column, a few numbers at a time."""

    def columns(wanted: Collection[int]) -> Iterable[Iterable[tuple[int, Column]]]:
        assert wanted == {0}
        pieces = (values[start : start + size] for start in range(0, len(values), size))
        return ([(0, Column([piece], [(0, 0)], len(piece)))] for piece in pieces)

    return columns


def fitted(values: Values, kind: Kind) -> Scaler:
    return fit_scalers(in_blocks(values), [Scale(min=-1, max=2)], kind)[0]


numbers = st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=60).map(lambda whole: np.array(whole) / 16)


@given(numbers, st.sampled_from(KINDS))
def test_every_kind_is_the_map_that_scikit_learn_learns(values: Values, kind: Kind) -> None:
    scaler, twin = fitted(values, kind), TWINS[kind].fit(values[:, None])
    others = np.concatenate([values, [0.0, 17.5]])
    expected = twin.transform(others[:, None])[:, 0]
    np.testing.assert_allclose(scaler.apply(others), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scaler.inverse(scaler.apply(others)), others, rtol=1e-9, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_maps_to_the_lower_end_and_comes_back(kind: Kind) -> None:
    scaler = fitted(np.full(30, 0.1), kind)
    assert scaler.apply(np.array([0.1])).tolist() == [-1 if kind == "minmax" else 0]
    assert scaler.inverse(scaler.apply(np.array([0.1]))).tolist() == [0.1]


def test_what_is_not_to_be_scaled_stays() -> None:
    values = np.array([1.0, 5.0])
    assert fit_scalers(in_blocks(values), [None], "minmax")[0].apply(values) is values
    assert fit_scalers(in_blocks(values), [Scale()], "none")[0].apply(values) is values


@pytest.mark.parametrize("kind", KINDS)
def test_json_and_skops_hold_the_same_map(kind: Kind, tmp_path: Path) -> None:
    scaler = fitted(np.random.default_rng(0).normal(5, 3, 100), kind)
    unscaled = Scaler("none", 0, 1, 0, 1)
    others = np.linspace(-20, 20, 9)

    write_skops(tmp_path / "scalers.skops", {"inputs": ["a", "b"]}, {"inputs": [scaler, unscaled]})
    read = skops.io.load(tmp_path / "scalers.skops", trusted=[])
    again = Scaler.from_json(orjson.loads(orjson.dumps(scaler.to_json())))

    assert again == scaler
    assert [entry["feature"] for entry in read["inputs"]] == ["a", "b"]
    np.testing.assert_allclose(
        read["inputs"][0]["scaler"].transform(others[:, None])[:, 0], scaler.apply(others), rtol=1e-12
    )
    np.testing.assert_allclose(
        read["inputs"][0]["scaler"].inverse_transform(others[:, None])[:, 0], scaler.inverse(others), rtol=1e-12
    )
    assert read["inputs"][1]["scaler"] is None
    assert as_sklearn(unscaled) is None


@pytest.mark.parametrize("kind", KINDS)
def test_scalers_are_learned_from_the_training_part_alone(kind: Kind) -> None:
    trained, everything = (
        build_dataset(
            parse_configuration(document(scaling={"kind": kind, "fit": fit})),
            {0: hourly(300), 1: hourly(300, seed=1), 2: hourly(300)},
        )
        for fit in ("train", "all")
    )
    inputs = trained.array("inputs")
    for dataset, windows in ((trained, trained.parts.train), (everything, np.arange(len(inputs)))):
        for place in range(2):
            twin = type(TWINS[kind])().fit(inputs[windows, :, place].reshape(-1, 1))
            expected = twin.transform(inputs[..., place].reshape(-1, 1)).reshape(inputs.shape[:2])
            np.testing.assert_allclose(dataset.array("inputs_scaled")[..., place], expected, rtol=1e-9, atol=1e-9)


@given(
    st.lists(st.one_of(st.floats(-1e300, 1e300), st.sampled_from([0.0, 1.0, 5e-324])), min_size=1, max_size=40),
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_quantiles_are_exact_however_few_numbers_are_sorted_at_once(numbers: list[float], shares: list[float]) -> None:
    values = np.array(numbers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantiles_module, "SORTED_AT_ONCE", 2)
        patch.setattr(quantiles_module, "_BINS", 3)
        found = quantiles(
            lambda: (values[start : start + 7] for start in range(0, len(values), 7)),
            shares,
            float(values.min()),
            float(values.max()),
        )
    ordered = np.sort(values)
    for share, quantile in zip(shares, found, strict=True):
        place = share * (len(values) - 1)
        low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
        assert low <= quantile <= high
        if place == int(place):
            assert quantile == low
