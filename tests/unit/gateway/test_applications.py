"""The services as they are: each of their calls is routed to them and is in the merged document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI

from foretide.gateway.openapi_merge import merge
from foretide.gateway.routes import SERVICES, service_for
from foretide.targets import API_OF_SERVICE
from services.dataset.app import create_api as dataset_api
from services.notifier.app import create_api as notifier_api
from services.results.app import create_app as results_app
from services.trainer.app import create_api as trainer_api
from services.upload.app import create_app as upload_app
from shared.runtime.service import Service
from shared.settings import Settings

SETTINGS = Settings(
    bus_url="amqp://nowhere",
    database_url="postgresql://nowhere",
    store_url="file:///nowhere",
    signing_secret="s" * 32,
    jwt_secret="s" * 32,
)


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    applications: dict[str, FastAPI] = {
        "upload": upload_app(SETTINGS),
        "dataset": dataset_api(SETTINGS),
        "trainer": trainer_api(SETTINGS),
        "results": results_app(SETTINGS),
        "notifier": notifier_api(Service("notifier", SETTINGS)),
    }
    return {name: application.openapi() for name, application in applications.items()}


def test_the_gateway_knows_the_services_that_are_served() -> None:
    assert set(SERVICES) == set(API_OF_SERVICE)


def test_every_call_of_every_service_is_routed_to_it(documents: dict[str, dict[str, Any]]) -> None:
    checked = 0
    for service, document in documents.items():
        for path, operations in document["paths"].items():
            for method in operations:
                assert service_for(path.replace("{", "").replace("}", ""), method.upper()) == service, path
                checked += 1
    assert checked > 20


def test_the_merged_document_has_every_call_and_every_reference_leads_somewhere(
    documents: dict[str, dict[str, Any]],
) -> None:
    merged = merge(documents)
    calls = {
        (path, method) for document in documents.values() for path, item in document["paths"].items() for method in item
    }
    assert {(path, method) for path, item in merged["paths"].items() for method in item} == calls
    used = {part.split('"')[0] for part in json.dumps(merged).split("#/components/schemas/")[1:]}
    assert used == used & set(merged["components"]["schemas"])


def operations(documents: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Every call of the merged document, with its name."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in merge(documents)["paths"].items()
        for method, operation in item.items()
    ]


def test_every_call_has_a_summary_that_reads_as_a_sentence_of_its_own(
    documents: dict[str, dict[str, Any]],
) -> None:
    summaries = {name: operation["summary"] for name, operation in operations(documents)}
    assert len(set(summaries.values())) == len(summaries), "no two calls are called the same"
    for name, summary in summaries.items():
        assert len(summary.split()) >= 3, f"{name}: {summary!r}"
        assert summary[0].isupper(), f"{name}: {summary!r}"
        assert sum(word[0].isupper() for word in summary.split()) == 1, (
            f"{name}: {summary!r} is made of a function name"
        )


def test_f57_every_error_is_documented_as_a_problem(documents: dict[str, dict[str, Any]]) -> None:
    components = merge(documents)["components"]
    assert "HTTPValidationError" not in json.dumps(components)
    for name, operation in operations(documents):
        errors = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
        assert {"401", "429", "4XX", "503"} <= errors.keys(), name
        if "requestBody" in operation or "parameters" in operation:
            assert "422" in errors, name
        if "{" in name:
            assert "404" in errors, name
        for status, answer in errors.items():
            response = components["responses"][answer["$ref"].rpartition("/")[2]]
            assert list(response["content"]) == ["application/problem+json"], f"{name} {status}"
            assert response["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem")
    assert {"category", "detail", "recovery", "status"} <= components["schemas"]["Problem"]["properties"].keys()


def test_every_call_asks_for_the_token_by_the_one_name_and_forecasts_alone_take_a_key(
    documents: dict[str, dict[str, Any]],
) -> None:
    merged = merge(documents)
    by_name: dict[str, set[str]] = {}
    for path, item in merged["paths"].items():
        for operation in item.values():
            for name in (name for one in operation.get("security", []) for name in one):
                by_name.setdefault(name, set()).add(path)
    assert by_name.keys() == {"bearer", "apiKey"} == merged["components"]["securitySchemes"].keys()
    assert by_name["bearer"] == merged["paths"].keys()
    assert by_name["apiKey"] == {"/api/training/forecast/{sessionId}"}
    assert merged["components"]["securitySchemes"]["apiKey"]["name"] == "X-API-Key"
