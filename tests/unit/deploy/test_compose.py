"""What is wrong with docker-compose.yml is found; nothing is wrong with ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy.validate.compose import COMPOSE, check_compose, interpolated, read_compose
from deploy.validate.findings import Finding, Unreadable
from tests.unit.deploy.conftest import Copy

Says = Callable[..., bool]


def findings_on(copy: Copy) -> list[Finding]:
    config = read_compose(copy.root, copy.documented)
    return list(check_compose(copy.root, config, copy.targets, copy.documented))


def test_ours_is_sound_with_a_filled_in_example(copy: Copy) -> None:
    assert findings_on(copy) == []


def test_ours_has_every_part(copy: Copy) -> None:
    services = read_compose(copy.root, copy.documented)["services"]
    assert services.keys() == {
        *("gateway", "upload", "dataset-api", "dataset-worker", "trainer-api", "trainer-worker", "results"),
        *("notifier", "migrate", "rabbitmq", "postgres", "objectstore"),
    }


def test_no_secret_has_a_default(copy: Copy) -> None:
    used = interpolated((copy.root / COMPOSE).read_text())
    assert {name for name, operators in used.items() if operators == {":?"}} == {
        name for name, entry in copy.documented.items() if entry.required
    }


def test_a_secret_that_the_example_does_not_ask_for_is_found(copy: Copy) -> None:
    copy.change(".env.example", "FORETIDE_POSTGRES_PASSWORD=", "#FORETIDE_POSTGRES_PASSWORD=")
    with pytest.raises(Unreadable, match="FORETIDE_POSTGRES_PASSWORD is missing a value"):
        read_compose(copy.root, copy.documented)


def test_a_dependency_on_nothing_is_refused(copy: Copy) -> None:
    copy.change(COMPOSE, "    rabbitmq:\n      condition", "    rabbit:\n      condition")
    with pytest.raises(Unreadable, match="undefined service"):
        read_compose(copy.root, copy.documented)


@pytest.mark.parametrize(
    "old, new, where, what",
    [
        ("target: upload}", "target: uploads}", "upload", "target uploads, which does not exist"),
        ("dockerfile: deploy/docker/Dockerfile", "dockerfile: Dockerfile", "gateway", "does not exist"),
        ("127.0.0.1:${FORETIDE_GATEWAY_PORT:-8080}:8000", "8080:8000", "gateway", "to other machines"),
        ("read_only: true", "read_only: false", "results", "is not confined"),
        ("image: postgres:18", "image: postgres", "postgres", "has no tag"),
        ("  upload:\n    <<: *service", "  upload:\n    image: foretide\n    <<: *service", "upload", "in a registry"),
        ("-s3.port.lance=0", "-s3.port.lanc=0", "objectstore", "knows no -s3.port.lanc=0"),
        (
            "healthcheck:\n      test: [CMD, wget",
            "healthcheck:\n      disable: true\n      test: [CMD, wget",
            "upload",
            "no health",
        ),
        ('restart: "no"', "restart: always", "upload", "is restarted for ever"),
        ("PASSWORD:?set it in .env}@rabbitmq", "PASSWORD:-guest}@rabbitmq", COMPOSE, "must be refused when empty"),
    ],
)
def test_a_fault_is_found(copy: Copy, says: Says, old: str, new: str, where: str, what: str) -> None:
    copy.change(COMPOSE, old, new)
    assert says(findings_on(copy), where, what)


def test_a_field_that_compose_does_not_know_is_found(copy: Copy) -> None:
    copy.change(COMPOSE, "  postgres:\n    image", "  postgres:\n    imagine: true\n    image")
    with pytest.raises(Unreadable, match="imagine"):
        read_compose(copy.root, copy.documented)
