"""The whole validation, as `make lint` runs it."""

from __future__ import annotations

import shutil

import pytest

from deploy.validate.__main__ import main
from deploy.validate.checks import validate
from deploy.validate.compose import COMPOSE
from deploy.validate.kustomize import BASE, SECRETS, renderer
from tests.unit.deploy.conftest import REPOSITORY, Copy


def test_our_deployment_files_are_valid() -> None:
    assert [str(finding) for finding in validate(REPOSITORY, renderer())] == []


def test_everything_that_is_wrong_is_said_once_and_ends_with_1(copy: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    copy.change(COMPOSE, "command: [serve, results,", "command: [serve, result,")
    copy.change(f"{BASE}/kustomization.yaml", "  - results.yaml\n", "")
    copy.change(f"{BASE}/configuration.yaml", "FORETIDE_LOG_LEVEL: INFO", "FORETIDE_LOUDNESS: INFO")
    copy.add(SECRETS, "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: spare\nstringData: {}\n")
    shutil.rmtree(copy.root / "deploy/k8s/overlays")

    status = main(["--root", str(copy.root)])

    *findings, how, count = capsys.readouterr().out.splitlines()
    for expected in (
        "docker-compose.yml, results: foretide serve result --host 0.0.0.0 --port 8000: ",
        "docker-compose.yml: starts no results",
        "deploy/k8s: starts no results",
        f"{SECRETS}: the Secret 'spare' is used nowhere",
        ".env.example: FORETIDE_LOUDNESS is missing",
        "sets FORETIDE_LOUDNESS, which nothing reads",
        f"{BASE}, Deployment foretide-gateway: nothing serves results at http://foretide-results:8000",
    ):
        assert sum(expected in line for line in findings) == 1, (expected, findings)
    assert how.startswith("Kustomizations were rendered by ")
    assert count == f"{len(findings)} findings."
    assert status == 1


@pytest.mark.parametrize("name", [COMPOSE, ".env.example", "deploy/docker/Dockerfile", SECRETS])
def test_a_missing_file_is_named(copy: Copy, name: str) -> None:
    (copy.root / name).unlink()
    assert any(name in finding.where for finding in validate(copy.root, None))


def test_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert "--root" in text
    assert "Example:" in text
