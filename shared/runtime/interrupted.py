"""How far work was told of that broke off, for the attempt that follows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

from shared.runtime.telling import Telling

_KEPT = 1000


class Interrupted:
    """Percent by job, of the newest thousand: an attempt in this process goes on where the last one was told to be."""

    def __init__(self) -> None:
        self._percents: dict[Hashable, float] = {}

    def __len__(self) -> int:
        return len(self._percents)

    def keep(self, job: Hashable, percent: float) -> None:
        """It broke off there."""
        self._percents.pop(job, None)
        self._percents[job] = percent
        if len(self._percents) > _KEPT:
            del self._percents[next(iter(self._percents))]

    def take(self, job: Hashable, otherwise: float = 0.0) -> float:
        """Where it is to go on."""
        return self._percents.pop(job, otherwise)

    @asynccontextmanager
    async def going_on(
        self, job: Hashable, begin: Callable[[float], Telling], *, otherwise: float = 0.0
    ) -> AsyncIterator[Telling]:
        """Tell of the job from where its last attempt here broke off; what breaks this one off keeps its percent."""
        async with begin(self.take(job, otherwise)) as telling:
            try:
                yield telling
            except BaseException:
                self.keep(job, telling.percent)
                raise
