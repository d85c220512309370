"""Every path that a service answers is routed to it, and nothing climbs out of its place."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from foretide.gateway.asyncapi_page import render
from foretide.gateway.documents import merge
from foretide.gateway.routes import service_for
from foretide.gateway.settings import GatewaySettings
from services.dataset.app import create_api as dataset_api
from services.notifier.api import router as notifier_router
from services.results.app import create_app as results_app
from services.trainer.app import create_api as trainer_api
from services.upload.app import create_app as upload_app
from shared.bus.asyncapi import build_document
from shared.runtime.service import Service
from shared.settings import Settings

SETTINGS = Settings(
    bus_url="amqp://nowhere",
    database_url="postgresql://nowhere",
    store_url="file:///nowhere",
    signing_secret="s" * 32,
    jwt_secret="s" * 32,
)


def applications() -> dict[str, FastAPI]:
    return {
        "upload": upload_app(SETTINGS),
        "dataset": dataset_api(SETTINGS),
        "trainer": trainer_api(SETTINGS),
        "results": results_app(SETTINGS),
        "notifier": Service("notifier", SETTINGS).application("notifier", [notifier_router]),
    }


def test_every_path_of_every_service_is_routed_to_it() -> None:
    checked = 0
    for service, application in applications().items():
        for path, operations in application.openapi()["paths"].items():
            for method in operations:
                assert service_for(path.replace("{", "").replace("}", ""), method.upper()) == service, path
                checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/", "/api", "/api/training", "/api/training/sessions/../../../metrics", "/api/training/sessions/."],
)
def test_what_no_service_answers_goes_nowhere(path: str) -> None:
    assert service_for(path) is None


def test_the_merged_document_has_every_path_and_every_reference_resolves() -> None:
    documents = {name: application.openapi() for name, application in applications().items()}
    merged = merge(documents)
    assert set(merged["paths"]) == {path for document in documents.values() for path in document["paths"]}
    names = set(merged["components"]["schemas"])
    text = str(merged)
    used = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= names


def test_schemas_of_one_name_that_differ_are_kept_apart() -> None:
    def document(kind: str, path: str) -> dict[str, object]:
        reference = {"$ref": "#/components/schemas/Thing"}
        return {
            "paths": {path: {"get": {"schema": reference}}},
            "components": {"schemas": {"Thing": {"type": kind}}},
        }

    merged = merge({"one": document("string", "/a"), "two": document("integer", "/b")})
    assert merged["components"]["schemas"] == {"Thing": {"type": "string"}, "TwoThing": {"type": "integer"}}
    assert merged["paths"]["/b"]["get"]["schema"]["$ref"].endswith("/TwoThing")


def test_the_events_page_escapes_what_it_shows() -> None:
    document = build_document()
    document["channels"]["fileUploaded"]["description"] = "<script>alert(1)</script> and `code`"
    page = render(document)
    assert "<script>" not in page
    assert "<code>code</code>" in page


def test_upstreams_are_read_in_both_spellings() -> None:
    listed = GatewaySettings(gateway_upstreams="upload=http://a:1, upload=http://b:1,results=http://c:1")  # type: ignore[arg-type]
    assert listed.gateway_upstreams == {"upload": ["http://a:1", "http://b:1"], "results": ["http://c:1"]}
    written = GatewaySettings(gateway_upstreams='{"upload": ["http://a:1"]}')  # type: ignore[arg-type]
    assert written.gateway_upstreams == {"upload": ["http://a:1"]}
