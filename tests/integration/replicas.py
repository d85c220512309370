"""Replicas of a service as real processes: started, killed, and started again on the same port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from foretide.stack.servers import LocalServers
from tests.ports import free_port
from tests.waiting import until


class Replica:
    """One ``foretide serve`` on a port of its own."""

    def __init__(self, service: str, servers: LocalServers, log: Path, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "foretide", "serve", service, "--port", str(self.port)]
        self._environment = {
            **os.environ,
            "FORETIDE_BUS_URL": servers.bus_url,
            "FORETIDE_DATABASE_URL": servers.database_url,
            "FORETIDE_STORE_URL": servers.store_url,
            "FORETIDE_SIGNING_SECRET": servers.signing_secret,
            "FORETIDE_JWT_SECRET": servers.jwt_secret,
            "FORETIDE_ENCRYPTION_KEY": servers.encryption_key,
            **settings,
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin; :meth:`answers` waits until it serves."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    async def answers(self) -> None:
        """Wait until it is ready."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

            async def ready() -> bool:
                try:
                    return (await client.get(f"{self.url}/readyz")).status_code == 200
                except httpx.HTTPError:
                    return False

            await until(ready, seconds=120, what=f"{self._log.name} ready")

    @property
    def process_id(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """``kill -9``."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it as an operator does."""
        if self._process is not None and self._process.poll() is None:
            await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        await asyncio.to_thread(self._process.wait, 30)

    def said(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of one kind, so far."""
        lines = (json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]
