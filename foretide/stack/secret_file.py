"""Secrets that are made once, on this machine, and kept readable for their owner only."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path

from foretide.whole_file import write_whole


class SecretFile:
    """Named secrets in one JSON file with mode 0600; what is asked for and missing is made."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def token(self, name: str) -> str:
        """256 random bits in 64 hexadecimal digits: safe in URLs, configuration files and shells."""
        return self._kept(name, lambda: secrets.token_hex(32))

    def identifier(self, name: str) -> str:
        """A random UUID."""
        return self._kept(name, lambda: str(uuid.uuid4()))

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        values: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        if name not in values:
            values[name] = make()
            write_whole(self._file, json.dumps(values, indent=1), mode=0o600)
        return values[name]
