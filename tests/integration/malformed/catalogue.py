"""Malformed requests to the upload service, made from a seed: each is wrong in one way, and knows what to name."""

from __future__ import annotations

import random

from tests.integration.malformed.chunks import CHUNKS
from tests.integration.malformed.documents import CALLS
from tests.integration.malformed.request import Malformed


def malformed_requests(seed: int, count: int) -> list[Malformed]:
    """As many, each kind about as often as the others."""
    chance = random.Random(seed)
    kinds = (*CHUNKS, *CALLS)
    return [kinds[number % len(kinds)](chance) for number in range(count)]
