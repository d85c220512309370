"""A trained model as its job stored it: loaded again, it forecasts what it forecast then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from services.trainer.models.base import Forecaster
from services.trainer.models.registry import model_class
from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration, parse_configuration
from shared.series.model_parameters import parse_model
from shared.series.probabilistic import interval_level
from shared.series.scalers import Scaler
from shared.series.series import Values


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns a forecast (O,) into quantiles: ``offsets`` (O, len(shares)), or why there is none."""

    shares: list[float]
    offsets: Values | None
    calibrated_on: int

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """As the job wrote it."""
        offsets = document["offsets"]
        return cls(document["quantiles"], None if offsets is None else np.array(offsets), document["calibrated_on"])

    def intervals(self, forecast: Values) -> list[dict[str, Any]] | None:
        """The widest first; None where the validation part was too short to calibrate on."""
        if self.offsets is None:
            return None
        quantiles = forecast[:, None] + self.offsets
        return [
            {
                "level": interval_level(place),
                "lower": quantiles[:, place].tolist(),
                "upper": quantiles[:, -1 - place].tolist(),
            }
            for place in range(len(self.shares) // 2)
        ]

    def median(self, forecast: Values) -> Values | None:
        """(O,): the forecast without its bias on the validation part."""
        return None if self.offsets is None else forecast + self.offsets[:, len(self.shares) // 2]


@dataclass(frozen=True, slots=True)
class StoredModel:
    """The model of one target, its place among the targets, and the data set's manifest that it was trained on."""

    forecaster: Forecaster
    manifest: dict[str, Any]
    configuration: Configuration
    target: int
    calibration: Calibration

    @classmethod
    def load(cls, folder: Path, manifest: dict[str, Any]) -> Self:
        """From the job's artifacts under their own names: of its dataset's ``manifest``.

        Raises INTERNAL where its libraries cannot be loaded.
        """
        card = orjson.loads((folder / "model_card.json").read_bytes())
        parameters = parse_model(card["parameters"])
        steps, targets = card["output_shape"]
        return cls(
            model_class(card["kind"]).load(folder, parameters, (steps, targets)),
            manifest,
            parse_configuration(manifest["configuration"]),
            manifest["target_features"].index(card["target"]),
            Calibration.read(orjson.loads((folder / "calibration.json").read_bytes())),
        )

    @property
    def name(self) -> str:
        """The target's."""
        name: str = self.manifest["target_features"][self.target]
        return name

    def forecast(self, windows: Values) -> Values:
        """(n, I, F_in) to (n, O), both in original units.

        Raises DATA_VALIDATION for values beyond what is computed with, INTERNAL where the model gives no number.
        """
        scaled = self.forecaster.predict(scale_windows(windows, self.manifest))[..., 0]
        found = Scaler.from_json(self.manifest["scalers"]["targets"][self.target]).inverse(scaled)
        if not np.isfinite(found).all():
            raise ProblemError(
                Category.INTERNAL,
                title="The model gives no number",
                detail=f"The model of {self.name!r} answers these rows with values that are not finite.",
                recovery=["Choose another model.", "Check the newest rows for values that are out of all measure."],
            )
        return found


def scale_windows(windows: Values, manifest: dict[str, Any]) -> NDArray[np.float32]:
    """(n, I, F_in) in original units as the model was trained on them.

    Raises DATA_VALIDATION that names the input whose values become too large for 32 bits.
    """
    scaled = np.empty(windows.shape, dtype=np.float32)
    for place, scaler in enumerate(manifest["scalers"]["inputs"]):
        # What overflows is found below.
        with np.errstate(over="ignore", invalid="ignore"):
            scaled[..., place] = Scaler.from_json(scaler).apply(windows[..., place])
        if not np.isfinite(scaled[..., place]).all():
            raise _out_of_measure(manifest["input_features"][place], windows[..., place])
    return scaled


def _out_of_measure(name: str, values: Values) -> ProblemError:
    largest = float(np.abs(values).max())
    return ProblemError(
        Category.DATA_VALIDATION,
        title="A value is out of all measure",
        detail=f"The rows of {name!r} have values as large as {largest:g}, which cannot be computed with.",
        recovery=["Correct it and send the rows again.", "Send null where a row holds no number."],
    )
