"""Names to addresses, in threads of its own: names that nobody answers for must not hold up the process's others."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from services.notifier.webhooks.addresses import Rule, unresolved

_SECONDS = 10.0


class Resolver(AbstractResolver):
    """The system's resolver; aiohttp asks it for every connection, so nothing is remembered."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See aiohttp's. Raises ``OSError``."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def check(self, url: URL, rule: Rule) -> None:
        """Raises a problem unless the URL's host leads to where webhooks may lead."""
        try:
            async with asyncio.timeout(_SECONDS):
                found = await self.resolve(url.host or "", url.port or 0)
        except (OSError, UnicodeError) as error:
            raise unresolved(url, "it took too long" if isinstance(error, TimeoutError) else str(error)) from error
        rule.check_addresses(url, [entry["host"] for entry in found])

    async def close(self) -> None:
        """Take no more; a name that is being resolved is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
