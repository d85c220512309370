"""Manifests against the schemas of Kubernetes and KEDA, unknown fields included."""

from __future__ import annotations

from collections.abc import Iterator

import kubernetes_validate  # type: ignore[import-untyped]

from deploy.validate import keda
from deploy.validate.findings import Finding
from deploy.validate.kustomize import Manifest, Rendered


def check_schemas(rendered: Rendered) -> Iterator[Finding]:
    """Every object, strictly."""
    for manifest in rendered.manifests:
        where = rendered.place(manifest)
        if manifest["apiVersion"] != "keda.sh/v1alpha1":
            yield from _check_builtin(where, manifest)
            continue
        for fault in keda.faults(manifest):
            yield Finding(where, fault)
        for part in keda.borrowed(manifest):
            yield from _check_builtin(where, part)


def _check_builtin(where: str, manifest: Manifest) -> Iterator[Finding]:
    try:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        yield Finding(where, f"Kubernetes has no {manifest['kind']} in {manifest['apiVersion']}")
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.absolute_path)
        yield Finding(where, f"{path}: {error.message}")
