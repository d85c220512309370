"""The season of a series: given, or found by autocorrelation."""

from __future__ import annotations

import numpy as np

from shared.series.series import Series, Times, Values

_LEAST_CORRELATION = 0.3
_LONGEST_SHARE = 3
_NEARLY_BEST = 0.95


def on_grid(series: Series, start: int, end: int, step: int) -> Values:
    """The series at ``start, start + step, … <= end`` (ns), linear between its rows, NaN outside of them."""
    grid: Times = np.arange(start, end + 1, step, dtype=np.int64)
    numeric = np.isfinite(series.values)
    if not numeric.any():
        return np.full(len(grid), np.nan)
    # Relative to the start: float64 cannot hold nanoseconds since the epoch.
    origin = int(series.times[0])
    return np.interp(
        (grid - origin).astype(np.float64),
        (series.times[numeric] - origin).astype(np.float64),
        series.values[numeric],
        left=np.nan,
        right=np.nan,
    )


def find_season(values: Values) -> int:
    """The shortest lag (in steps, 2 to a third of the length) at a highest peak of the autocorrelation; else 1."""
    known = values[np.isfinite(values)]
    longest = len(known) // _LONGEST_SHARE
    centred = known - known.mean() if len(known) else known
    power = float(centred @ centred) if len(known) else 0.0
    if longest < 3 or power == 0.0:
        return 1
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum), size)[: longest + 1] / power
    # Each lag has fewer pairs than the one before.
    correlation *= len(centred) / (len(centred) - np.arange(longest + 1))
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:]) & (inner > _LEAST_CORRELATION))
    peaks = peaks[peaks >= 2]
    # A multiple of the season correlates as well as the season itself: the shortest of the best counts.
    best = peaks[correlation[peaks] >= _NEARLY_BEST * correlation[peaks].max()] if len(peaks) else peaks
    return int(best[0]) if len(best) else 1
