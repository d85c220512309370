"""`.env.example` explains what is read, all of it and nothing else, with the true defaults."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

from deploy.validate.clean_environment import environment
from deploy.validate.environment import EXAMPLE, check_environment, variables_in_code
from deploy.validate.findings import Finding
from tests.unit.deploy.conftest import REPOSITORY, Copy

Says = Callable[..., bool]

_INTERPOLATED = {
    *("FORETIDE_RABBITMQ_PASSWORD", "FORETIDE_POSTGRES_PASSWORD", "FORETIDE_OBJECT_STORE_KEY"),
    *("FORETIDE_OBJECT_STORE_SECRET", "FORETIDE_OBJECT_STORE_INTERNAL_KEY", "FORETIDE_GATEWAY_PORT"),
    *("FORETIDE_OBJECT_STORE_PORT", "FORETIDE_OBJECT_STORE_PUBLIC_URL"),
}


def findings_on(copy: Copy, in_files: dict[str, str] | None = None) -> list[Finding]:
    return list(check_environment(copy.documented, variables_in_code(copy.root), in_files or {}, _INTERPOLATED))


def test_ours_is_true(copy: Copy) -> None:
    assert findings_on(copy) == []


@pytest.mark.parametrize(
    "old, new, what",
    [
        ("#FORETIDE_LEASE_SECONDS=30\n", "", "FORETIDE_LEASE_SECONDS is missing (shared/settings.py uses it)"),
        ("FORETIDE_RABBITMQ_PASSWORD=\n", "", "FORETIDE_RABBITMQ_PASSWORD is missing (docker-compose.yml uses it)"),
        ("#FORETIDE_TOKEN=", "#FORETIDE_TICKET=", "FORETIDE_TICKET is explained, but nothing reads it"),
        ("#FORETIDE_LEASE_SECONDS=30", "#FORETIDE_LEASE_SECONDS=60", "has the default 30.0, not 60"),
        ("#FORETIDE_RETRY_DELAYS_SECONDS=1,10,60", "#FORETIDE_RETRY_DELAYS_SECONDS=1,5", "default [1, 10, 60]"),
        ("#FORETIDE_WORKER_SLOTS=1", "#FORETIDE_WORKER_SLOTS=none", "FORETIDE_WORKER_SLOTS=none is refused"),
    ],
)
def test_a_lie_is_found(copy: Copy, says: Says, old: str, new: str, what: str) -> None:
    copy.change(EXAMPLE, old, new)
    assert says(findings_on(copy), EXAMPLE, what)


def test_a_variable_that_is_set_but_read_by_nothing_is_found(copy: Copy, says: Says) -> None:
    assert says(
        findings_on(copy, {"FORETIDE_LOG_COLOR": "a.yaml"}), "a.yaml", "FORETIDE_LOG_COLOR, which nothing reads"
    )


@pytest.mark.parametrize(
    "code",
    [
        'import os\n\nVALUE = os.environ["FORETIDE_BRAND_NEW"]\n',
        "class More(BaseSettings):\n"
        '    model_config = SettingsConfigDict(env_prefix="FORETIDE_BRAND_")\n\n    new: str = ""\n',
    ],
)
def test_a_new_variable_in_the_code_must_be_explained(copy: Copy, says: Says, code: str) -> None:
    (copy.root / "shared").unlink()
    shutil.copytree(REPOSITORY / "shared", copy.root / "shared")
    (copy.root / "shared" / "more.py").write_text(code)
    assert says(findings_on(copy), EXAMPLE, "FORETIDE_BRAND_NEW is missing (shared/more.py uses it)")


def test_the_processs_own_environment_comes_back() -> None:
    before = dict(os.environ)
    with environment({"FORETIDE_BUS_URL": "amqp://host/"}):
        assert dict(os.environ) == {"FORETIDE_BUS_URL": "amqp://host/"}
    assert dict(os.environ) == before
