"""Schemathesis against every service's OpenAPI document, over HTTP and with a token."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from foretide.stack.servers import LocalServers
from services.dataset.app import create_api as dataset_api
from services.notifier.app import create_api as notifier_api
from services.results.app import create_app as results_app
from services.trainer.app import create_api as trainer_api
from services.upload.app import create_app as upload_app
from shared.runtime.service import Service
from tests.integration.apps import settings_for, token_of
from tests.integration.chain import configuration, write_series
from tests.integration.gateway.servers import serving
from tests.ports import free_port

pytestmark = pytest.mark.integration

SERVICES = ("upload", "dataset", "trainer", "results", "notifier")
SEED = 20261121
EXAMPLES = 12
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "ignored_auth", "allow_header_conformance"),
    *("unsupported_method", "use_after_free", "missing_required_header"),
)
# 412 is among them: tus answers so to what names no version of it.
REFUSED = """[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 411, 412, 413, 415, 422, 428, 429]"""


@pytest.fixture(scope="module")
async def urls(servers: LocalServers) -> AsyncIterator[dict[str, str]]:
    """Where each service's HTTP side is."""
    settings = settings_for(servers)
    applications: dict[str, FastAPI] = {
        "upload": upload_app(settings),
        "dataset": dataset_api(settings),
        "trainer": trainer_api(settings),
        "results": results_app(settings),
        "notifier": notifier_api(Service("notifier", settings)),
    }
    ports = {name: free_port() for name in applications}
    running = [serving(application, ports[name]) for name, application in applications.items()]
    async with running[0], running[1], running[2], running[3], running[4]:
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture(scope="module")
async def owner(urls: dict[str, str], servers: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> UUID:
    """A user with a configured session."""
    user_id = uuid4()
    files = write_series(tmp_path_factory.mktemp("series"), hours=96)
    headers = {"Authorization": f"Bearer {token_of(servers, user_id)}"}
    async with httpx.AsyncClient(base_url=urls["upload"], headers=headers, timeout=30, trust_env=False) as client:
        for file in files:
            form = {"uploadId": file.stem, "chunkIndex": "0", "totalChunks": "1", "fileName": file.name}
            sent = await client.post("/api/training/upload-chunk", data=form, files={"chunk": file.read_bytes()})
            assert sent.status_code == 200, sent.text
        made = await client.post(
            "/api/training/create-database-session", json={"uploadIds": [file.stem for file in files]}
        )
        path = f"/api/training/sessions/{made.json()['sessionId']}/configuration"
        assert (await client.put(path, json=configuration())).status_code == 200
    return user_id


async def session_of(url: str, token: str) -> str:
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    ) as client:
        [session] = (await client.get("/api/training/sessions")).json()["items"]
    session_id: str = session["sessionId"]
    return session_id


async def schemathesis(url: str, token: str, folder: Path, *options: str, settings: str = "") -> None:
    """Run it on the document at this address. Fails with what it found."""
    config = folder / "schemathesis.toml"
    config.write_text(f"{REFUSED}\n{settings}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(config), "run"),
        *(f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS)),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--continue-on-failure", "--warnings", "off"),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    output, _ = await process.communicate()
    if process.returncode:
        pytest.fail(output.decode(), pytrace=False)


@pytest.mark.parametrize("service", SERVICES)
async def test_f57_no_request_gets_a_5xx_or_an_answer_outside_the_schema(
    urls: dict[str, str], servers: LocalServers, tmp_path: Path, service: str
) -> None:
    await schemathesis(urls[service], token_of(servers, uuid4()), tmp_path)


@pytest.mark.parametrize("service", SERVICES)
async def test_f57_nor_does_one_that_is_about_a_session_that_exists(
    urls: dict[str, str], servers: LocalServers, owner: UUID, tmp_path: Path, service: str
) -> None:
    token = token_of(servers, owner)
    settings = f'[parameters]\n"path.sessionId" = {json.dumps(await session_of(urls["upload"], token))}\n'
    options = ("--include-path-regex", "sessionId", "--exclude-method", "DELETE", "--phases", "fuzzing")
    await schemathesis(urls[service], token, tmp_path, *options, settings=settings)
