"""What ``foretide serve`` can start: names and where their applications are, imported only when asked for.

An image holds one service's folder alone, so nothing here may import them all.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from shared.problems import Category, ProblemError
from shared.settings import Settings

GATEWAY = "gateway"
SERVICES: dict[str, str] = {
    "upload": "services.upload.app:create_app",
    "dataset-api": "services.dataset.app:create_api",
    "dataset-worker": "services.dataset.app:create_worker",
    "trainer-api": "services.trainer.app:create_api",
    "trainer-worker": "services.trainer.app:create_worker",
    "results": "services.results.app:create_app",
    "notifier": "services.notifier.app:create_app",
}
TARGETS = (*SERVICES, GATEWAY)

API_OF_SERVICE = {
    "upload": "upload",
    "dataset": "dataset-api",
    "trainer": "trainer-api",
    "results": "results",
    "notifier": "notifier",
}
"""For each service that the gateway routes to, the target that answers its HTTP calls."""


def application_factory(target: str) -> Callable[[Settings], object]:
    """The function that makes this target's ASGI application. Raises a problem for an unknown or absent one."""
    if target not in SERVICES:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such service",
            detail=f"{target!r} is none of {', '.join(TARGETS)}.",
            recovery=["Choose one of these names."],
        )
    module_name, _, function_name = SERVICES[target].partition(":")
    try:
        factory: Callable[[Settings], object] = getattr(import_module(module_name), function_name)
    except ModuleNotFoundError as error:
        raise ProblemError(
            Category.INTERNAL,
            title="This installation does not hold that service",
            detail=f"{target}: the module {error.name!r} is missing.",
            recovery=[f"Install the service's extra: pip install 'foretide[{target.partition('-')[0]}]'."],
        ) from error
    return factory
