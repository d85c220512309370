"""What to try next and what is hopeless: Optuna, on trials that are kept in the database's own rows.

A study is made anew of them whenever it is asked, which takes some 50 ms with 200 trials. Its own storage would need a
second driver, and tables that no lease, no fence and no row-level security knows of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from services.trainer.search.trial import Trial
from shared.series.parameters.search import Choices, Dimension, Space

_TRIALS_BEFORE_PRUNING = 4
_EPOCHS_BEFORE_PRUNING = 2
_STATES = {"running": TrialState.RUNNING, "trained": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


def ask(space: Space, trials: Iterable[Trial], *, number: int, seed: int) -> dict[str, Any]:
    """The values of this trial, by a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011).

    The same trials, number and seed give the same values. Those that run elsewhere count as bad ones, so that two
    workers do not try the same.
    """
    distributions = {name: _distribution(dimension) for name, dimension in space.items()}
    sampler_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    study = _study(optuna.samplers.TPESampler(seed=sampler_seed, constant_liar=True))
    for trial in trials:
        if trial.state in _STATES and trial.asked is not None:
            study.add_trial(_frozen(trial, space, distributions))
    params: dict[str, Any] = study.ask(distributions).params
    return params


class Medians:
    """Whether a network that is still learning is worse than most were at that epoch."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._study = _study(None)
        self._pruner = optuna.pruners.MedianPruner(
            n_startup_trials=_TRIALS_BEFORE_PRUNING, n_warmup_steps=_EPOCHS_BEFORE_PRUNING + 1
        )
        for trial in trials:
            if trial.state == "trained":
                self._study.add_trial(_frozen(trial, {}, {}))

    def hopeless(self, curve: Sequence[float]) -> bool:
        """True where the best epoch so far is above the median of the others at the last one."""
        trial = create_trial(state=TrialState.RUNNING, intermediate_values=_by_epoch(curve))
        return bool(self._pruner.prune(self._study, trial))


def _study(sampler: optuna.samplers.BaseSampler | None) -> optuna.Study:
    # It would write a line for each study and trial to standard error.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="minimize", sampler=sampler)


def _frozen(trial: Trial, space: Space, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """The given parameters may lie outside of the space: what does is left out."""
    inside = {name: value for name, value in (trial.asked or {}).items() if name in space and space[name].holds(value)}
    return create_trial(
        state=_STATES[trial.state],
        value=trial.value if trial.state == "trained" else None,
        params=inside,
        distributions={name: distributions[name] for name in inside},
        intermediate_values=_by_epoch(trial.curve),
    )


def _by_epoch(curve: Sequence[float]) -> dict[int, float]:
    return dict(enumerate(curve, 1))


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.choices)
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
