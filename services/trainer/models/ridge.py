"""Ridge regression from its normal equations, in float64, over rows that come in blocks.

Memory does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg  # type: ignore[import-untyped]
from numpy.typing import NDArray

Array = NDArray[np.float64]
Blocks = Iterator[tuple[Array, Array]]


@dataclass(frozen=True, slots=True)
class LinearMap:
    """``rows @ weights + intercept``: (n, p) to (n, O)."""

    weights: Array
    intercept: Array

    def __call__(self, rows: Array) -> Array:
        """Apply it."""
        result: Array = rows @ self.weights + self.intercept
        return result


class NormalEquations:
    """Sums over rows (n, p) and what they are to give (n, O); an intercept is free of the penalty."""

    def __init__(self, blocks: Blocks, *, intercept: bool = True) -> None:
        self._count = 0
        for rows, values in blocks:
            if self._count == 0:
                self._gram = np.zeros((rows.shape[1], rows.shape[1]))
                self._cross = np.zeros((rows.shape[1], values.shape[1]))
                self._row_sum, self._value_sum = np.zeros(rows.shape[1]), np.zeros(values.shape[1])
            self._count += len(rows)
            self._gram += rows.T @ rows
            self._cross += rows.T @ values
            self._row_sum += rows.sum(axis=0)
            self._value_sum += values.sum(axis=0)
        if not intercept:
            self._row_sum[:], self._value_sum[:] = 0.0, 0.0
        row_mean, value_mean = self._row_sum / self._count, self._value_sum / self._count
        self._row_mean, self._value_mean = row_mean, value_mean
        self._gram -= np.outer(self._row_sum, row_mean)
        self._cross -= np.outer(self._row_sum, value_mean)

    def solve(self, ridge: float) -> LinearMap:
        """``ridge`` is relative to the mean variance of the rows' columns that vary; 0 is least squares."""
        diagonal = np.diag(self._gram)
        varying = diagonal[diagonal > 0]
        penalty = ridge * float(varying.mean()) if len(varying) else 0.0
        if penalty > 0:
            weights = _solve(self._gram + penalty * np.eye(len(self._gram)), self._cross)
        else:
            weights = scipy.linalg.lstsq(self._gram, self._cross)[0]
        return LinearMap(weights, self._value_mean - self._row_mean @ weights)


def _solve(gram: Array, cross: Array) -> Array:
    """Of a matrix that a penalty too small for float64 has left singular, the least squares solution."""
    try:
        found: Array = scipy.linalg.solve(gram, cross, assume_a="pos")
    except np.linalg.LinAlgError:
        found = scipy.linalg.lstsq(gram, cross)[0]
    return found


def squared_error(linear_map: LinearMap, blocks: Blocks) -> tuple[float, int]:
    """Sum of squared errors and number of values."""
    total, count = 0.0, 0
    for rows, values in blocks:
        total += float(np.sum((linear_map(rows) - values) ** 2))
        count += values.size
    return total, count
