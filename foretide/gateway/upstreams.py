"""The services behind the gateway: several replicas of each, taken in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count


class Upstreams:
    """Round robin over each service's addresses."""

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        self._addresses = {name: [url.rstrip("/") for url in urls] for name, urls in addresses.items()}
        self._turns = {name: count() for name in addresses}

    @property
    def services(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._addresses)

    def in_turn(self, service: str) -> list[str]:
        """All addresses of a service, beginning with the one whose turn it is; empty for an unknown service."""
        urls = self._addresses.get(service, [])
        if not urls:
            return []
        first = next(self._turns[service]) % len(urls)
        return urls[first:] + urls[:first]
