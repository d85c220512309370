"""Shares of work, told by whoever does it."""

from __future__ import annotations

import pytest

from shared.shares import part_of


def test_parts_of_parts_add_up_to_the_whole() -> None:
    told: list[float] = []
    second_half = part_of(told.append, 0.5, 1.0)
    part_of(second_half, 0.0, 0.2)(0.5)
    second_half(1.0)
    assert told == pytest.approx([0.55, 1.0])
