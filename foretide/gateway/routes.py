"""Which service answers which path (contracts section 1): pure data, the first match wins."""

from __future__ import annotations

from dataclasses import dataclass

UPLOAD, DATASET, TRAINER, RESULTS, NOTIFIER = "upload", "dataset", "trainer", "results", "notifier"
SERVICES = (UPLOAD, DATASET, TRAINER, RESULTS, NOTIFIER)

_MEBIBYTE = 1024 * 1024
_FILE = 512 * _MEBIBYTE
_DOCUMENT = 32 * _MEBIBYTE


@dataclass(frozen=True, slots=True)
class Route:
    """A path and all below it, for one method or for all; ``largest_body`` in bytes."""

    path: str
    service: str
    method: str | None = None
    largest_body: int = _DOCUMENT

    def covers(self, path: str, method: str) -> bool:
        """Whether this call goes this way."""
        inside = path == self.path or path.startswith(f"{self.path}/")
        return inside and self.method in (None, method)


ROUTES = (
    Route("/api/training/uploads", UPLOAD),
    Route("/api/training/upload-chunk", UPLOAD, largest_body=_FILE),
    Route("/api/training/upload-status", UPLOAD),
    Route("/api/training/usage", UPLOAD),
    Route("/api/training/tus", UPLOAD, largest_body=_FILE),
    Route("/api/training/create-database-session", UPLOAD),
    Route("/api/training/sessions", UPLOAD),
    Route("/api/training/generate-datasets", DATASET),
    Route("/api/training/datasets", DATASET),
    Route("/api/training/train-models", TRAINER),
    Route("/api/training/cancel", TRAINER),
    Route("/api/training/status", TRAINER),
    Route("/api/training/forecast", TRAINER),
    Route("/api/training/api-keys", TRAINER),
    Route("/api/training/results", RESULTS),
    Route("/api/training/visualizations", RESULTS),
    Route("/api/training/events", NOTIFIER),
    Route("/api/training/webhooks", NOTIFIER),
    Route("/api/forecast/upload", UPLOAD, method="POST", largest_body=_FILE),
    Route("/api/forecast", UPLOAD, method="POST"),
    Route("/api/forecast", RESULTS),
    Route("/api/datasets", RESULTS),
    Route("/api/files", RESULTS),
    Route("/socket.io", NOTIFIER),
)


def route_for(path: str, method: str) -> Route | None:
    """The route of a call, by its decoded path. None where no service answers.

    A path with ``.`` or ``..`` in it is nobody's: two programs could read it differently, and one of them be led
    to what is for the inside only.
    """
    if any(part in (".", "..") for part in path.split("/")):
        return None
    return next((route for route in ROUTES if route.covers(path, method)), None)


def service_for(path: str, method: str = "GET") -> str | None:
    """The service that answers this call, None where none does."""
    route = route_for(path, method)
    return route.service if route else None
