from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from pydantic import BaseModel, create_model

from foretide.gateway.openapi_merge import merge


def document(calls: dict[tuple[str, str], type[BaseModel]], *, open_to_all: bool = False) -> dict[str, Any]:
    """What a service with these calls (method, path -> answer) publishes."""
    application = FastAPI(dependencies=[] if open_to_all else [Depends(HTTPBearer())])
    for (method, path), answer in calls.items():
        application.add_api_route(path, lambda: None, methods=[method], response_model=answer, tags=["inner"])
    return application.openapi()


def answer_of(merged: dict[str, Any], path: str, method: str) -> str:
    schema = merged["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    return str(schema["$ref"])


Same = create_model("Same", text=(str, ...))
UploadsItem = create_model("Item", rows=(int, ...))
TrainersItem = create_model("Item", epochs=(int, ...))


def listing(item: type[BaseModel]) -> type[BaseModel]:
    return create_model("Listing", items=(list[item], ...))  # type: ignore[valid-type]


def test_all_calls_are_there_under_their_services_tag() -> None:
    merged = merge(
        {
            "trainer": document({("POST", "/api/training/train-models/{sessionId}"): Same}),
            "upload": document({("GET", "/api/training/sessions"): Same, ("POST", "/api/training/uploads"): Same}),
        }
    )
    assert merged["openapi"] == "3.1.0"
    assert list(merged["paths"]) == [
        "/api/training/sessions",
        "/api/training/uploads",
        "/api/training/train-models/{sessionId}",
    ]
    assert merged["paths"]["/api/training/sessions"]["get"]["tags"] == ["upload"]
    assert [tag["name"] for tag in merged["tags"]] == ["upload", "trainer"]


def test_one_path_can_belong_to_two_services_by_method() -> None:
    merged = merge(
        {
            "upload": document({("POST", "/api/forecast/{jobId}"): Same}),
            "results": document({("GET", "/api/forecast/{jobId}"): Same}),
        }
    )
    calls = merged["paths"]["/api/forecast/{jobId}"]
    assert {method: call["tags"] for method, call in calls.items()} == {"post": ["upload"], "get": ["results"]}


def test_a_call_that_the_gateway_leads_elsewhere_is_not_promised() -> None:
    merged = merge({"trainer": document({("GET", "/api/training/sessions"): Same, ("GET", "/metrics"): Same})})
    assert merged["paths"] == {}


def test_equal_schemas_are_shared() -> None:
    merged = merge(
        {
            "upload": document({("GET", "/api/training/sessions"): Same}),
            "trainer": document({("GET", "/api/training/status/{sessionId}"): Same}),
        }
    )
    assert list(merged["components"]["schemas"]) == ["Same"]


def test_schemas_that_differ_get_their_services_name_with_all_that_refers_to_them() -> None:
    merged = merge(
        {
            "upload": document({("GET", "/api/training/sessions"): listing(UploadsItem)}),
            "trainer": document({("GET", "/api/training/status/{sessionId}"): listing(TrainersItem)}),
        }
    )
    schemas = merged["components"]["schemas"]
    assert list(schemas) == ["TrainerItem", "TrainerListing", "UploadItem", "UploadListing"]
    assert list(schemas["UploadItem"]["properties"]) == ["rows"]
    assert schemas["TrainerListing"]["properties"]["items"]["items"]["$ref"] == "#/components/schemas/TrainerItem"
    assert answer_of(merged, "/api/training/sessions", "get") == "#/components/schemas/UploadListing"


def test_a_name_that_one_service_alone_uses_stays() -> None:
    merged = merge(
        {
            "upload": document({("GET", "/api/training/sessions"): listing(UploadsItem)}),
            "trainer": document({("GET", "/api/training/status/{sessionId}"): TrainersItem}),
        }
    )
    assert "Listing" in merged["components"]["schemas"]
    reference = merged["components"]["schemas"]["Listing"]["properties"]["items"]["items"]["$ref"]
    assert reference == "#/components/schemas/UploadItem"


def test_one_bearer_scheme_and_open_calls_stay_open() -> None:
    merged = merge(
        {
            "upload": document({("GET", "/api/training/sessions"): Same}),
            "results": document({("GET", "/api/files/{bucket}"): Same}, open_to_all=True),
        }
    )
    assert merged["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert merged["paths"]["/api/training/sessions"]["get"]["security"] == [{"bearer": []}]
    assert "security" not in merged["paths"]["/api/files/{bucket}"]["get"]


def test_a_service_that_is_away_is_named() -> None:
    merged = merge({"upload": document({("GET", "/api/training/sessions"): Same})}, unavailable={"trainer", "dataset"})
    assert merged["x-unavailable-services"] == ["dataset", "trainer"]
    assert "dataset, trainer" in merged["info"]["description"]
    assert "/api/training/sessions" in merged["paths"]


def test_with_all_services_there_nothing_is_marked() -> None:
    merged = merge({"upload": document({})})
    assert "x-unavailable-services" not in merged
    assert "Not answering" not in merged["info"]["description"]
