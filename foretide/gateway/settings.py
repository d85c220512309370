"""What the gateway needs to know, from the environment."""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")


class GatewaySettings(BaseSettings):
    """``FORETIDE_GATEWAY_UPSTREAMS`` is JSON (name to URLs) or a list ``upload=http://a:8000,upload=http://b:8000``."""

    model_config = SettingsConfigDict(env_prefix="FORETIDE_", extra="ignore")

    gateway_upstreams: Annotated[dict[str, list[str]], NoDecode]
    cors_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)

    @field_validator("gateway_upstreams", mode="before")
    @classmethod
    def _read_upstreams(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("{"):
            return json.loads(value)
        found: dict[str, list[str]] = {}
        for entry in filter(None, (part.strip() for part in value.split(","))):
            name, _, url = entry.partition("=")
            found.setdefault(name, []).append(url)
        return found

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        """A browser sends scheme, host and port alone: anything else would never match. ``*`` would be everybody."""
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin like https://app.example.org or http://127.0.0.1:3000")
        return origins
