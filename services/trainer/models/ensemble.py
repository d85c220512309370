"""The best of several models on the validation part, averaged (algorithms section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self
from zipfile import ZipFile

import numpy as np
import orjson
from numpy.typing import NDArray

from services.trainer.models.base import (
    Epoch,
    Forecaster,
    History,
    Report,
    TrainingData,
    Windows,
    share_of_time,
)
from services.trainer.models.registry import model_class
from services.trainer.sizes import check_sizes
from shared.problems import Category, ProblemError
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.ensemble import EnsembleParameters

Array = NDArray[np.float64]
_INDEX = "members.json"


@dataclass(frozen=True, slots=True)
class _Trained:
    """A member, its place in the list, and its error on the validation part; none where that is empty."""

    place: int
    model: Forecaster
    val_loss: float | None


class Ensemble(Forecaster):
    """Members are trained one after the other; no more than ``size`` of them are in memory at a time.

    Those to come share the time that is left; those for which none is are left out, as long as one works.
    """

    file_name: ClassVar[str] = "model.zip"
    libraries: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        assert isinstance(parameters, EnsembleParameters)
        self.settings = parameters
        self._members: dict[int, Forecaster] = {}
        self._weights: list[float] = []

    def _fit(self, data: TrainingData, history: History) -> None:
        best: list[_Trained] = []
        measured: list[dict[str, Any]] = []
        problems: list[ProblemError] = []
        progress = _Progress(history, len(self.settings.members))
        for place in range(len(self.settings.members)):
            if best and history.time_is_over:
                history.warnings.append(f"{self._label(place)} was left out: the time limit left none for it.")
                continue
            try:
                trained, chosen = self._train(place, data, history, progress)
            except (ProblemError, MemoryError, np.linalg.LinAlgError) as failure:
                error = failure if isinstance(failure, ProblemError) else _technical(failure)
                problems.append(error)
                history.warnings.append(f"{self._label(place)} was left out: {error.problem.detail}")
                continue
            measured.append({"member": place + 1, "kind": trained.model.parameters.kind, "val_loss": trained.val_loss})
            measured[-1].update({"chosen": chosen} if chosen else {})
            best = sorted([*best, trained], key=lambda one: one.val_loss or 0.0)[: self.settings.size]
        if not best:
            raise self._none_works(problems)
        if not len(data.validation_inputs):
            history.warnings.append(
                f"There is no validation part to choose on: the first {len(best)} members count the same."
            )
        self._members = {one.place: one.model for one in best}
        self._weights = _weights([one.val_loss for one in best])
        by_member = {one.place + 1: weight for one, weight in zip(best, self._weights, strict=True)}
        history.chosen = {"members": [{**entry, "weight": by_member.get(entry["member"], 0.0)} for entry in measured]}

    def _train(
        self, place: int, data: TrainingData, history: History, progress: _Progress
    ) -> tuple[_Trained, dict[str, Any]]:
        """A member and what was chosen for it. Raises a problem where it cannot work on these data."""
        parameters = self.settings.members[place]
        check_sizes(parameters, data.input_shape, data.output_shape, len(data.inputs))
        model = model_class(parameters.kind)(parameters)
        left = len(self.settings.members) - place
        kept = None if history.checkpoints is None else history.checkpoints.of(f"member {place + 1}")
        own = model.fit(data, progress.of_member(place), kept, share_of_time(history.deadline, left))
        history.seconds_before += own.seconds_before
        if own.continued_from is not None:
            history.continued_from = place
        loss = model.squared_error(data.inputs, data.targets)
        val_loss = None
        if len(data.validation_inputs):
            val_loss = model.squared_error(data.validation_inputs, data.validation_targets)
        if not np.isfinite([loss, val_loss or 0.0]).all():
            raise model.not_converged("Its errors are no numbers.")
        history.warnings.extend(f"{self._label(place)}: {warning}" for warning in own.warnings)
        progress.member_is_done(place, loss, val_loss)
        return _Trained(place, model, val_loss), own.chosen

    def _label(self, place: int) -> str:
        return f"Member {place + 1} ({self.settings.members[place].kind})"

    def _none_works(self, problems: list[ProblemError]) -> ProblemError:
        first = problems[0].problem
        details = [f"{self._label(place)}: {error.problem.detail}" for place, error in enumerate(problems)]
        return ProblemError(
            first.category,
            title="No member of the ensemble could be trained",
            detail=" ".join(details),
            recovery=first.recovery,
        )

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        pairs = zip(self._members.values(), self._weights, strict=True)
        found: Array = np.sum([weight * model.predict(inputs) for model, weight in pairs], axis=0)
        return found

    @property
    def computed_with(self) -> tuple[str, ...]:
        """See :class:`Forecaster`: those of its members, too."""
        of_members = [name for model in self._members.values() for name in model.computed_with]
        return tuple(dict.fromkeys([*self.libraries, *of_members]))

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`; an archive of the members' own files, and which they are."""
        path = folder / self.file_name
        index = [{"place": place, "weight": weight} for place, weight in zip(self._members, self._weights, strict=True)]
        with ZipFile(path, "w") as archive, TemporaryDirectory(dir=folder) as temporary:
            archive.writestr(_INDEX, orjson.dumps({"members": index}))
            for place, model in self._members.items():
                own = Path(temporary) / str(place)
                own.mkdir()
                archive.write(model.save(own), f"{place}/{model.file_name}")
        return path

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: Shape) -> Self:
        """See :class:`Forecaster`."""
        ensemble = cls(parameters)
        with ZipFile(folder / cls.file_name) as archive, TemporaryDirectory() as temporary:
            index = orjson.loads(archive.read(_INDEX))["members"]
            for place in (entry["place"] for entry in index):
                member = ensemble.settings.members[place]
                kind = model_class(member.kind)
                archive.extract(f"{place}/{kind.file_name}", temporary)
                ensemble._members[place] = kind.load(Path(temporary) / str(place), member, output_shape)
        ensemble._weights = [entry["weight"] for entry in index]
        return ensemble

    @property
    def weight_count(self) -> int:
        """Of all members that were kept."""
        return sum(model.weight_count for model in self._members.values())


class _Progress:
    """Tells of a member's epochs as a share of the work on all members."""

    def __init__(self, history: History, members: int) -> None:
        self._history = history
        self._members = members

    def of_member(self, place: int) -> Report:
        """What the member reports its epochs to."""

        def report(epoch: Epoch) -> None:
            share = (place + epoch.share) / self._members
            self._history.report(Epoch(place + 1, self._members, epoch.loss, epoch.val_loss, share))

        return report

    def member_is_done(self, place: int, loss: float, val_loss: float | None) -> None:
        """A member counts as an epoch."""
        self._history.note(Epoch(place + 1, self._members, loss, val_loss))


def _technical(failure: Exception) -> ProblemError:
    """A member that memory or arithmetic failed is no reason to lose the others."""
    return ProblemError(
        Category.RESOURCE_EXHAUSTION if isinstance(failure, MemoryError) else Category.MODEL_CONVERGENCE,
        title="The member could not be computed",
        detail=f"{type(failure).__name__}: {failure}".rstrip(": "),
        recovery=["Give it smaller sizes.", "Leave it out."],
    )


def _weights(losses: list[float | None]) -> list[float]:
    """What each member counts: the inverse of its squared error on the validation part; the same without one.

    After Bates and Granger, "The Combination of Forecasts", Operational Research Quarterly 20, 1969. Among the best
    three it is as good as a plain mean, and better where a weak one is kept. Weights fitted by least squares gain on
    some series and lose as much on others: members that stop early on the validation part look too good there.
    """
    known = np.array([0.0 if loss is None else loss for loss in losses])
    best = known.min()
    weights = np.divide(best, known, out=np.ones_like(known), where=known > best)
    return [float(weight) for weight in weights / weights.sum()]
