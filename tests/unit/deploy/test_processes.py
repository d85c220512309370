"""Every container's command, image, port and settings are those of the code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from deploy.validate.commands import check_default_commands, check_passed_settings, check_process, refusal
from deploy.validate.compose import COMPOSE
from deploy.validate.dockerfile import DOCKERFILE
from deploy.validate.kustomize import BASE, SECRETS
from foretide.targets import TARGETS
from tests.unit.deploy.conftest import Copy

Says = Callable[..., bool]


@pytest.mark.parametrize("name", [*TARGETS, "migrate"])
def test_every_process_of_ours_would_start(copy: Copy, name: str) -> None:
    for process in (copy.compose_process(name), copy.kubernetes_process(name)):
        assert [str(finding) for finding in check_process(process, copy.targets)] == []


def test_the_command_line_takes_the_images_default_commands(copy: Copy) -> None:
    assert list(check_default_commands(copy.targets)) == []


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ([], "no command"),
        (["sreve", "upload"], "no command 'sreve'"),
        (["serve", "uploads"], "knows no 'uploads'"),
        (["serve", "upload", "--prot", "8000"], "--prot"),
        (["serve", "upload", "--port", "http"], "valid integer"),
        (["serve", "upload", "--once"], "--once is for workers"),
        (["migrate", "now"], "now"),
    ],
)
def test_a_command_that_the_command_line_refuses_is_found(arguments: list[str], reason: str) -> None:
    assert reason in (refusal(arguments) or "")


def test_a_wrong_default_command_is_found(copy: Copy, says: Says) -> None:
    copy.change(DOCKERFILE, '["serve", "dataset-api"', '["serve", "dataset"')
    assert says(check_default_commands(copy.targets), "target dataset", "knows no 'dataset'")


@pytest.mark.parametrize(
    "old, new, what",
    [
        ("command: [serve, upload,", "command: [serve, loader,", "knows no 'loader'"),
        ("command: [serve, upload,", "command: [serve, results,", "does not hold results"),
        ('upload, --host, 0.0.0.0, --port, "8000"', 'upload, --port, "8000"', "inside its container alone"),
        ("?region=us-east-1&tls=false", "?region=us-east-1&ssl=no", "unknown option 'ssl'"),
        ("  FORETIDE_SWEEP_SECONDS:\n", "  FORETIDE_SWEEP_SECONDS: often\n", "FORETIDE_SWEEP_SECONDS"),
        ("  FORETIDE_BUS_URL:", "  FORETIDE_BROKER_URL:", "does not start: FORETIDE_BUS_URL"),
    ],
)
def test_a_service_of_compose_that_would_not_start_is_found(
    copy: Copy, says: Says, old: str, new: str, what: str
) -> None:
    copy.change(COMPOSE, old, new)
    assert says(check_process(copy.compose_process("upload"), copy.targets), "docker-compose.yml, upload", what)


@pytest.mark.parametrize(
    "file, old, new, what",
    [
        (f"{BASE}/upload.yaml", "image: foretide/upload", "image: foretide/loader", "no target 'loader'"),
        (f"{BASE}/upload.yaml", "containerPort: 8000", "containerPort: 8080", "another port than the declared 8080"),
        (f"{BASE}/configuration.yaml", "LOG_LEVEL: INFO", 'WORKER_SLOTS: "0"', "FORETIDE_WORKER_SLOTS"),
        (SECRETS, "  FORETIDE_JWT_SECRET: PASSWORD", "  FORETIDE_JWT: PASSWORD", "FORETIDE_JWKS_URL"),
        (SECRETS, "s3://KEY:SECRET@", "s3://KEY@", "a key without a secret"),
    ],
)
def test_a_pod_that_would_not_start_is_found(copy: Copy, says: Says, file: str, old: str, new: str, what: str) -> None:
    copy.change(file, old, new)
    assert says(check_process(copy.kubernetes_process("upload"), copy.targets), "Deployment foretide-upload", what)


@pytest.mark.parametrize(
    "old, new, what",
    [
        ("results=http://results:8000", "results=http://results:8080", "nothing serves results at http://results:8080"),
        ("dataset=http://dataset-api:8000", "dataset=http://dataset-worker:8000", "nothing serves dataset-api"),
        (",notifier=http://notifier:8000", "", "nothing serves notifier"),
        ("upload=http://upload:8000,", "upload=http://upload:8000,files=http://upload:8000,", "no service 'files'"),
    ],
)
def test_a_gateway_that_leads_nowhere_is_found(copy: Copy, says: Says, old: str, new: str, what: str) -> None:
    copy.change(COMPOSE, old, new)
    assert says(check_process(copy.compose_process("gateway"), copy.targets), "docker-compose.yml, gateway", what)


def test_a_setting_that_compose_keeps_from_a_service_is_found(copy: Copy, says: Says) -> None:
    process = copy.compose_process("upload")
    assert list(check_passed_settings(process)) == []
    without = {name: value for name, value in process.variables.items() if name != "FORETIDE_LEASE_SECONDS"}
    assert says(check_passed_settings(replace(process, variables=without)), "upload", "FORETIDE_LEASE_SECONDS")
