"""What is wrong with a Dockerfile is found; nothing is wrong with ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy.validate.dockerfile import DOCKERFILE, check_dockerfile
from deploy.validate.findings import Unreadable
from tests.unit.deploy.conftest import Copy

Says = Callable[..., bool]


def test_ours_is_sound(copy: Copy) -> None:
    assert list(check_dockerfile(copy.root, copy.targets)) == []


def test_there_is_a_target_for_every_service_and_the_gateway(copy: Copy) -> None:
    assert copy.targets.keys() == {"base", "upload", "dataset", "trainer", "results", "notifier", "gateway"}


def test_every_image_holds_its_own_service_alone(copy: Copy) -> None:
    for target in copy.targets.values():
        services = [source for source in target.sources if source.startswith("services/") and "__init__" not in source]
        assert services == ([] if target.name in ("base", "gateway") else [f"services/{target.name}"])


@pytest.mark.parametrize(
    "old, new, what",
    [
        ("pip install --no-cache-dir", "pip install", "DL3042"),
        ("COPY services/upload services/upload", "COPY services/loader services/loader", "which does not exist"),
        ("COPY shared shared", "COPY deploy/k8s deploy/k8s", "keeps out of the build"),
        ("USER 10001:10001", "USER root", "runs as root"),
        ("HEALTHCHECK --interval=10s", "HEALTHCHECK NONE\nLABEL probe", "has no health check"),
    ],
)
def test_a_fault_is_found(copy: Copy, says: Says, old: str, new: str, what: str) -> None:
    copy.change(DOCKERFILE, old, new)
    assert says(check_dockerfile(copy.root, copy.targets), DOCKERFILE, what)


def test_an_ignored_folder_that_is_copied_is_found(copy: Copy, says: Says) -> None:
    copy.change(".dockerignore", "!requirements\n", "")
    assert says(check_dockerfile(copy.root, copy.targets), "target upload", "requirements/upload.txt")


def test_a_stage_without_a_name_is_refused(copy: Copy) -> None:
    copy.add(DOCKERFILE, "FROM base\n")
    with pytest.raises(Unreadable, match="needs a name"):
        _ = copy.targets
