"""An image that lacks what its code imports is found without building it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from deploy.validate.dockerfile import DOCKERFILE
from deploy.validate.images import check_images, installed_names
from tests.unit.deploy.conftest import REPOSITORY, Copy

Says = Callable[..., bool]


@pytest.mark.parametrize("name", ["upload", "dataset", "trainer", "results", "notifier", "gateway"])
def test_f87_every_image_holds_what_it_imports(copy: Copy, name: str) -> None:
    assert [str(found) for found in check_images(copy.root, {name: copy.targets[name]})] == []


def test_a_package_that_is_not_installed_is_found(copy: Copy, says: Says) -> None:
    copy.change(DOCKERFILE, "COPY requirements/results.txt", "COPY requirements/gateway.txt")
    findings = check_images(copy.root, {"results": copy.targets["results"]})
    assert says(findings, "target results", "requirements/gateway.txt does not install")


def test_code_that_is_not_copied_is_found(copy: Copy, says: Says) -> None:
    copy.change(DOCKERFILE, "COPY shared shared", "COPY shared/bus shared/bus")
    findings = check_images(copy.root, {"upload": copy.targets["upload"]})
    assert says(findings, "target upload", "imports shared.settings, which the image does not copy")


def test_a_service_that_imports_another_one_is_found(copy: Copy, says: Says) -> None:
    (copy.root / "services").unlink()
    shutil.copytree(REPOSITORY / "services", copy.root / "services")
    copy.add("services/notifier/app.py", "\n\ndef late() -> None:\n    import services.results.api\n")
    findings = check_images(copy.root, {"notifier": copy.targets["notifier"]})
    assert says(findings, "target notifier", "imports services.results.api, which the image does not copy")


def test_names_in_requirements_are_compared_normalised() -> None:
    text = "PyJWT==2.15.1 \\\n    --hash=sha256:00\nswagger_ui.bundle==1.1.0\n# polars==2\n"
    assert installed_names(text) == {"pyjwt", "swagger-ui-bundle"}
