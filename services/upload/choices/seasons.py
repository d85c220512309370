"""After how many steps a series repeats itself: hour, day, week, month or year, by autocorrelation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.upload.choices.choice import ASKED, Chosen
from services.upload.choices.steps import MONTH, YEAR, describe
from services.upload.choices.wishes import Wishes
from shared.series.series import Values

_LONGEST = 131_072
"""Steps of the sample: the newest ones."""
_CYCLES = {"hour": 60.0, "day": 1440.0, "week": 10_080.0, "month": MONTH, "year": YEAR}
_LEAST_CORRELATION = 0.3
_STANDS_OUT = 0.1
"""A season's correlation is above that half a season earlier and later by this much: a slow drift's is not."""
_NEARLY_BEST = 0.95
_ALIKE = 0.03


@dataclass(frozen=True, slots=True)
class Season:
    """``strongest`` repeats best and ``shortest`` first, both in steps; without a season both are 1."""

    strongest: int
    shortest: int

    @property
    def found(self) -> bool:
        """Whether there is one."""
        return self.strongest > 1


def choose_season(values: Values, step_minutes: float, wishes: Wishes) -> Chosen[Season]:
    """The season of ``values`` (m,) on an even grid, NaN where there are none."""
    if wishes.season_steps is not None:
        return Chosen(Season(wishes.season_steps, wishes.season_steps), ASKED)
    correlation = autocorrelation(values[-_LONGEST:])
    found = _seasons(correlation, step_minutes)
    if not found:
        why = (
            "No autocorrelation stands out, of a day, a week or anything else: the last value is what is to be beaten."
        )
        return Chosen(Season(1, 1), why)
    best = max(_near(correlation, lag) for lag in found.values())
    # A multiple of the season correlates as well as the season itself: the shortest of the best counts.
    nearly_best = {name: lag for name, lag in found.items() if _near(correlation, lag) >= _NEARLY_BEST * best}
    name = min(nearly_best, key=nearly_best.__getitem__)
    return Chosen(Season(found[name], min(found.values())), _why(correlation, found, name))


def autocorrelation(values: Values) -> Values:
    """Of lags 0 to half of the length, without the straight line through the series; missing values are left out.

    Each lag is averaged over the pairs that it has. Zeros for a series without variation.
    """
    known = np.isfinite(values)
    longest = len(values) // 2
    if known.sum() < 3:
        return np.zeros(longest + 1)
    places = np.arange(len(values), dtype=np.float64)
    centred = values[known] / (np.abs(values[known]).max() or 1.0)
    centred = centred - np.polynomial.Polynomial.fit(places[known], centred, 1)(places[known])
    variance = float(np.mean(centred**2))
    if variance <= 1e-24:
        return np.zeros(longest + 1)
    filled = np.zeros(len(values))
    filled[known] = centred
    pairs = _products(known.astype(np.float64))[: longest + 1]
    products = _products(filled)[: longest + 1]
    return np.divide(products, pairs * variance, out=np.zeros(longest + 1), where=pairs > 0.5)


def _products(values: Values) -> Values:
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.fft.rfft(values, size)
    products: Values = np.fft.irfft(spectrum * np.conj(spectrum), size)
    return products


def _seasons(correlation: Values, step_minutes: float) -> dict[str, int]:
    """Those of the calendar that stand out, and the best lag of all where that is none of them; in steps."""
    lags = {name: round(length / step_minutes) for name, length in _CYCLES.items()}
    found = {name: lag for name, lag in lags.items() if lag >= 2 and _is_season(correlation, lag)}
    free = _free_season(correlation)
    if free is not None and not any(abs(free - lag) <= max(1, _ALIKE * lag) for lag in found.values()):
        found[describe(free * step_minutes)] = free
    return found


def _is_season(correlation: Values, lag: int) -> bool:
    if lag + 1 >= len(correlation):
        return False
    here, half = _near(correlation, lag), lag // 2
    beside = [correlation[lag - half]] + ([correlation[lag + half]] if lag + half < len(correlation) else [])
    return here >= _LEAST_CORRELATION and here - max(beside) >= _STANDS_OUT


def _near(correlation: Values, lag: int) -> float:
    """At the lag or one step beside it: years and months are no whole number of days."""
    return float(correlation[max(lag - 1, 1) : lag + 2].max()) if lag > 2 else float(correlation[lag])


def _free_season(correlation: Values) -> int | None:
    """The shortest lag at nearly the highest peak that stands out, None where none does."""
    inner = correlation[1:-1]
    if len(inner) < 3:
        return None
    peaks = 1 + np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:]))
    peaks = np.array([lag for lag in peaks[:10_000] if lag >= 2 and _is_season(correlation, int(lag))])
    if not len(peaks):
        return None
    best = peaks[correlation[peaks] >= _NEARLY_BEST * correlation[peaks].max()]
    return int(best[0])


def _why(correlation: Values, found: dict[str, int], name: str) -> str:
    others = [f"{other} {_near(correlation, lag):.2f}" for other, lag in found.items() if other != name]
    beside = f" (also: {', '.join(others)})" if others else ""
    after = f"one {name}" if name in _CYCLES else name
    return f"The series repeats itself after {after}: autocorrelation {_near(correlation, found[name]):.2f}{beside}."
