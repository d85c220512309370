"""Manifests against the schemas of Kubernetes and KEDA, unknown fields included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
from cloudcoil.models.keda import v1alpha1

from deploy.validate.findings import Finding
from deploy.validate.kustomize import Manifest, Rendered

_KEDA_KINDS = {
    "ScaledJob": v1alpha1.ScaledJob,
    "ScaledObject": v1alpha1.ScaledObject,
    "TriggerAuthentication": v1alpha1.TriggerAuthentication,
}


def check_schemas(rendered: Rendered) -> Iterator[Finding]:
    """Every object, strictly."""
    for manifest in rendered.manifests:
        where = rendered.place(manifest)
        if manifest["apiVersion"] == "keda.sh/v1alpha1":
            yield from _check_keda(where, manifest)
        else:
            yield from _check_builtin(where, manifest)


def _check_builtin(where: str, manifest: Manifest) -> Iterator[Finding]:
    try:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        yield Finding(where, f"Kubernetes has no {manifest['kind']} in {manifest['apiVersion']}")
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.absolute_path)
        yield Finding(where, f"{path}: {error.message}")


def _check_keda(where: str, manifest: Manifest) -> Iterator[Finding]:
    model = _KEDA_KINDS.get(manifest["kind"])
    if model is None:
        yield Finding(where, f"no schema is known for {manifest['kind']}")
        return
    validator = jsonschema.Draft202012Validator(_closed(model.model_json_schema()))
    for error in validator.iter_errors(manifest):
        yield Finding(where, f"{'.'.join(str(part) for part in error.absolute_path)}: {_innermost(error)}")
    if manifest["kind"] == "ScaledJob":
        # What becomes of it is a Job; Kubernetes' own schema says more about that than KEDA's.
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}}
        yield from _check_builtin(where, {**job, "spec": manifest["spec"].get("jobTargetRef")})


def _closed(schema: Any) -> Any:
    """The same schema, but refusing fields that it does not name: the models take any."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed


def _innermost(error: jsonschema.ValidationError) -> str:
    while error.context:
        error = max(error.context, key=lambda entry: len(entry.absolute_path))
    message: str = error.message
    return message
