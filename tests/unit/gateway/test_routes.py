from __future__ import annotations

import pytest

from foretide.gateway.routes import SERVICES, route_for, service_for

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("POST", "/api/training/uploads", "upload"),
        ("POST", "/api/training/upload-chunk", "upload"),
        ("GET", "/api/training/upload-status/abc", "upload"),
        ("POST", "/api/training/tus/", "upload"),
        ("PATCH", "/api/training/tus/abc", "upload"),
        ("POST", "/api/training/create-database-session", "upload"),
        ("GET", "/api/training/sessions", "upload"),
        ("DELETE", "/api/training/sessions", "upload"),
        ("PATCH", "/api/training/sessions/1", "upload"),
        ("GET", "/api/training/sessions/1/files/2/analysis", "upload"),
        ("PUT", "/api/training/sessions/1/configuration", "upload"),
        ("POST", "/api/training/generate-datasets/1", "dataset"),
        ("GET", "/api/training/datasets/1", "dataset"),
        ("GET", "/api/training/visualizations/1", "results"),
        ("POST", "/api/training/train-models/1", "trainer"),
        ("POST", "/api/training/cancel/1", "trainer"),
        ("GET", "/api/training/status/1", "trainer"),
        ("GET", "/api/training/events/1", "notifier"),
        ("GET", "/api/training/results/1", "results"),
        ("GET", "/api/training/results/1/download", "results"),
        ("GET", "/api/training/results/1/models/2", "results"),
        ("DELETE", "/api/training/results/1", "results"),
        ("POST", "/api/training/forecast/1", "trainer"),
        ("POST", "/api/training/api-keys/1", "trainer"),
        ("DELETE", "/api/training/api-keys/1/2", "trainer"),
        ("POST", "/api/forecast/upload", "upload"),
        ("POST", "/api/forecast/1", "upload"),
        ("GET", "/api/forecast/1", "results"),
        ("GET", "/api/forecast/1/forecast.csv", "results"),
        ("GET", "/api/datasets/1/download-url", "results"),
        ("GET", "/api/files/training-results/1/plots/loss_curve.png", "results"),
        ("POST", "/api/training/webhooks", "notifier"),
        ("POST", "/api/training/webhooks/1/deliveries/2/redeliver", "notifier"),
        ("GET", "/socket.io/", "notifier"),
    ],
)
def test_every_call_of_the_contract_has_its_service(method: str, path: str, service: str) -> None:
    assert service_for(path, method) == service
    assert service in SERVICES


@pytest.mark.parametrize(
    "path", ["/metrics", "/healthz", "/readyz", "/api", "/api/training", "/api/training/sessionsand", "//metrics", ""]
)
def test_what_no_service_offers_leads_nowhere(path: str) -> None:
    assert route_for(path, "GET") is None


@pytest.mark.parametrize("inside", ["../metrics", "./x", "a/../../metrics", "..", "."])
def test_a_path_that_climbs_leads_nowhere(inside: str) -> None:
    assert route_for(f"/api/training/sessions/{inside}", "GET") is None


def test_a_name_with_dots_in_it_is_a_name() -> None:
    assert service_for("/api/files/bucket/..hidden/training_results..json.gz") == "results"


@pytest.mark.parametrize("path", ["/api/training/upload-chunk", "/api/training/tus/1", "/api/forecast/upload"])
def test_a_whole_file_fits_where_files_are_sent(path: str) -> None:
    route = route_for(path, "POST")
    assert route is not None
    assert route.largest_body == 512 * MEBIBYTE


def test_documents_are_limited_more_tightly_than_files() -> None:
    route = route_for("/api/training/create-database-session", "POST")
    assert route is not None
    assert route.largest_body == 32 * MEBIBYTE
