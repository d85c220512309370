"""Which service answers which path (contracts section 1): pure data, first match wins."""

from __future__ import annotations

import re

_TABLE: tuple[tuple[str, str], ...] = (
    (r"/socket\.io(/|$)", "notifier"),
    (r"/api/training/events/", "notifier"),
    (r"/api/training/(uploads|upload-chunk|upload-status|tus|create-database-session|sessions)(/|$)", "upload"),
    (r"/api/training/(generate-datasets|datasets)/", "dataset"),
    (r"/api/training/(train-models|cancel|status|forecast|api-keys)/", "trainer"),
    (r"/api/training/(results|visualizations)/", "results"),
    (r"/api/(files|datasets)/", "results"),
)
_ROUTES = tuple((re.compile(pattern), service) for pattern, service in _TABLE)
_FORECAST = re.compile(r"/api/forecast(/|$)")


def service_for(path: str, method: str = "GET") -> str | None:
    """The service that answers this call, None where no service does; a path never climbs out of its place."""
    if {".", ".."} & set(path.split("/")):
        return None
    if _FORECAST.match(path):
        return "upload" if method == "POST" else "results"
    return next((service for pattern, service in _ROUTES if pattern.match(path)), None)
