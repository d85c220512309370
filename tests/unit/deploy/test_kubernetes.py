"""What is wrong with the manifests is found; nothing is wrong with ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy.validate.findings import Finding, Unreadable
from deploy.validate.kustomize import BASE, OVERLAYS, Rendered, read_kustomizations, renderer
from deploy.validate.references import check_references
from deploy.validate.schemas import check_schemas
from tests.unit.deploy.conftest import Copy

Says = Callable[..., bool]


def only(rendered: Rendered, kind: str) -> Rendered:
    return Rendered(rendered.where, rendered.how, rendered.of_kind(kind))


def references(copy: Copy) -> list[Finding]:
    return list(check_references(copy.base, copy.secrets))


def test_ours_follow_the_schemas(copy: Copy) -> None:
    assert list(check_schemas(copy.base)) == []


def test_ours_refer_to_what_exists(copy: Copy) -> None:
    for rendered in read_kustomizations(copy.root, None):
        assert list(check_references(rendered, copy.secrets)) == []


def test_a_plain_reading_finds_the_objects_that_kustomize_renders(copy: Copy) -> None:
    command = renderer()
    if command is None:
        pytest.skip("neither kustomize nor a kubectl that knows components is here")
    for plain, rendered in zip(
        read_kustomizations(copy.root, None), read_kustomizations(copy.root, command), strict=True
    ):
        kinds = {manifest["kind"] for manifest in rendered.manifests}
        assert {kind: plain.names(kind) for kind in kinds} == {kind: rendered.names(kind) for kind in kinds}


def test_the_example_sets_every_image_and_the_number_of_workers(copy: Copy) -> None:
    command = renderer()
    if command is None:
        pytest.skip("neither kustomize nor a kubectl that knows components is here")
    example = read_kustomizations(copy.root, command)[1]
    images = {line.strip().removeprefix("image: ") for line in str(example.manifests).split("'") if "foretide/" in line}
    assert {image for image in images if ":" in image} == images
    assert all(image.startswith("registry.example.org/foretide/") for image in images)
    assert example.of_kind("ScaledJob")[0]["spec"]["maxReplicaCount"] == 40
    assert {manifest["metadata"]["namespace"] for manifest in example.manifests} == {"foretide"}


@pytest.mark.parametrize(
    "file, kind, old, new, what",
    [
        (
            "upload.yaml",
            "Deployment",
            "terminationGracePeriodSeconds: 45",
            "terminationGracePeriod: 45",
            "terminationGracePeriod",
        ),
        ("upload.yaml", "Deployment", "containerPort: 8000", "containerPort: http", "is not of type 'integer'"),
        ("upload.yaml", "PodDisruptionBudget", "policy/v1", "policy/v1beta1", "has no PodDisruptionBudget"),
        ("trainer-worker.yaml", "ScaledJob", "strategy: gradual", "strategie: gradual", "strategie"),
        ("trainer-worker.yaml", "ScaledJob", "maxReplicaCount: 20", "maxReplicaCount: many", "many"),
        ("trainer-worker.yaml", "ScaledJob", "backoffLimit: 0", "backofLimit: 0", "backofLimit"),
        ("trainer-worker.yaml", "ScaledJob", "drop: [ALL]", "drop: ALL", "is not of type"),
        ("dataset-worker.yaml", "ScaledObject", "  triggers:", "  trigger:", "trigger"),
        ("dataset-worker.yaml", "ScaledObject", 'value: "2"', "value: 2", "is not of type 'string'"),
        ("dataset-worker.yaml", "ScaledObject", "stabilizationWindowSeconds", "windowSeconds", "windowSeconds"),
        ("trainer-worker.yaml", "ScaledJob", "pendingPodConditions: [Ready]", "pending: [Ready]", "pending"),
        ("bus-authentication.yaml", "TriggerAuthentication", "- parameter: host", "- parameters: host", "parameter"),
    ],
)
def test_a_fault_against_a_schema_is_found(
    copy: Copy, says: Says, file: str, kind: str, old: str, new: str, what: str
) -> None:
    copy.change(f"{BASE}/{file}", old, new)
    assert says(check_schemas(only(copy.base, kind)), kind, what)


@pytest.mark.parametrize(
    "file, old, new, where, what",
    [
        ("upload.yaml", "targetPort: http", "targetPort: web", "Service foretide-upload", "leads to port web"),
        ("upload.yaml", "serviceAccountName: foretide-upload", "serviceAccountName: nobody", "Deployment", "'nobody'"),
        ("upload.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "Deployment", "lacks runAsNonRoot"),
        (
            "upload.yaml",
            "readOnlyRootFilesystem: true",
            "readOnlyRootFilesystem: false",
            "Deployment",
            "lacks readOnly",
        ),
        ("upload.yaml", "mountPath: /tmp", "mountPath: /data", "Deployment", "lacks a writable /tmp"),
        ("upload.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "Deployment", "enableServiceLinks"),
        ("upload.yaml", "path: /readyz", "path: /ready", "Deployment", "asks /ready"),
        (
            "gateway.yaml",
            "httpGet: {path: /healthz, port: http}",
            "httpGet: {path: /readyz, port: http}",
            "Deployment",
            "/readyz",
        ),
        ("upload.yaml", "livenessProbe:", "livenessProbes:", "Deployment", "has no livenessProbe"),
        ("upload.yaml", "name: foretide-secrets", "name: secrets", "Deployment", "has no Secret 'secrets'"),
        ("upload.yaml", "name: foretide-configuration", "name: other", "Deployment", "no ConfigMap 'other'"),
        (
            "upload.yaml",
            "  selector:\n    app.kubernetes.io/name: upload",
            "  selector:\n    app: x",
            "Service",
            "selects no pod",
        ),
        ("ingress.yaml", "name: foretide-gateway", "name: gateway", "Ingress", "leads to gateway"),
        ("ingress.yaml", "name: http\n", "name: https\n", "Ingress", "which does not exist"),
        ("dataset-worker.yaml", "foretide.dataset.dataset.generate", "dataset.generate", "ScaledObject", "no queue"),
        ("dataset-worker.yaml", "mode: QueueLength", "queueLength: '5'", "ScaledObject", "queueLength"),
        ("dataset-worker.yaml", "name: foretide-bus", "name: bus", "ScaledObject", "no TriggerAuthentication"),
        (
            "dataset-worker.yaml",
            "scaleTargetRef:\n    name: foretide-dataset-worker",
            "scaleTargetRef:\n    name: worker",
            "ScaledObject",
            "scales the Deployment 'worker'",
        ),
        ("trainer-worker.yaml", "strategy: accurate", "strategy: default", "ScaledJob", "must be accurate"),
        ("trainer-worker.yaml", ", --once]", "]", "ScaledJob", "would never end"),
        ("trainer-worker.yaml", "foretide.trainer.model.train", "foretide.model.train", "ScaledJob", "no queue"),
        ("bus-authentication.yaml", "key: FORETIDE_BUS_URL", "key: BUS_URL", "TriggerAuthentication", "no key BUS_URL"),
    ],
)
def test_a_reference_to_nothing_is_found(
    copy: Copy, says: Says, file: str, old: str, new: str, where: str, what: str
) -> None:
    copy.change(f"{BASE}/{file}", old, new)
    assert says(references(copy), where, what)


def test_a_policy_for_pods_that_do_not_exist_is_found(copy: Copy, says: Says) -> None:
    copy.change("deploy/k8s/components/network-policies/policies.yaml", "component: api", "component: apis")
    example = read_kustomizations(copy.root, None)[1]
    assert says(check_references(example, copy.secrets), "NetworkPolicy foretide-apis", "selects no pod")


@pytest.mark.parametrize(
    "file, text",
    [("upload.yaml", "---\n- a list\n"), ("upload.yaml", "---\nkind: [\n"), ("kustomization.yaml", "  - no.yaml\n")],
)
def test_what_cannot_be_read_is_named(copy: Copy, file: str, text: str) -> None:
    copy.add(f"{BASE}/{file}", text)
    with pytest.raises(Unreadable, match=BASE):
        _ = copy.base


def test_a_patch_for_nothing_is_found(copy: Copy) -> None:
    command = renderer()
    if command is None:
        pytest.skip("neither kustomize nor a kubectl that knows components is here")
    copy.change(f"{OVERLAYS}/example/workers.yaml", "name: foretide-trainer-worker", "name: trainer")
    with pytest.raises(Unreadable, match="overlays/example"):
        read_kustomizations(copy.root, command)
