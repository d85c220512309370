"""What manifests say of each other: names, selectors, ports, keys; and how pods are confined."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.validate.findings import Finding
from deploy.validate.kustomize import SECRETS, Manifest, Rendered
from deploy.validate.processes import pod_of
from shared.bus.topology import SUBSCRIPTIONS

Secrets = dict[str, dict[str, str]]

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_RABBITMQ_TRIGGER = {"protocol", "queueName", "mode", "value", "activationValue", "vhostName", "unsafeSsl"}


def check_references(rendered: Rendered, secrets: Secrets) -> Iterator[Finding]:
    """All of this page."""
    pods = [(manifest, pod) for manifest in rendered.manifests if (pod := pod_of(manifest))]
    for manifest, pod in pods:
        yield from _check_pod(rendered, manifest, pod, secrets)
    labels = [pod["metadata"]["labels"] for _, pod in pods]
    for manifest in rendered.manifests:
        where = rendered.place(manifest)
        selector = _selector(manifest)
        if selector is not None and not any(selector.items() <= entry.items() for entry in labels):
            yield Finding(where, f"selects no pod: {selector}")
        match manifest["kind"]:
            case "Service":
                yield from _check_service(where, manifest, [pod for _, pod in pods])
            case "Ingress":
                yield from _check_ingress(where, manifest, rendered)
            case "ScaledJob" | "ScaledObject":
                yield from _check_scaling(where, manifest, rendered)
            case "TriggerAuthentication":
                for entry in manifest["spec"].get("secretTargetRef", []):
                    yield from _check_key(where, secrets, entry["name"], entry["key"])


def _selector(manifest: Manifest) -> dict[str, str] | None:
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Service":
            found: dict[str, str] = spec["selector"]
        case "Deployment" | "PodDisruptionBudget":
            found = spec["selector"]["matchLabels"]
        case "NetworkPolicy":
            found = spec["podSelector"].get("matchLabels", {})
        case _:
            return None
    return found


def _check_pod(rendered: Rendered, manifest: Manifest, pod: Manifest, secrets: Secrets) -> Iterator[Finding]:
    where, spec = rendered.place(manifest), pod["spec"]
    account = spec.get("serviceAccountName")
    if account not in rendered.names("ServiceAccount"):
        yield Finding(where, f"there is no ServiceAccount {account!r}")
    if spec.get("enableServiceLinks") is not False:
        yield Finding(where, "enableServiceLinks must be false: links would set variables of their own")
    for container in spec["containers"]:
        yield from _check_confinement(where, spec, container)
        yield from _check_probes(where, pod["metadata"]["labels"], container)
        yield from _check_sources(where, container, rendered, secrets)


def _check_confinement(where: str, spec: Manifest, container: Manifest) -> Iterator[Finding]:
    pod, own = spec.get("securityContext", {}), container.get("securityContext", {})
    demands = {
        "runAsNonRoot": pod.get("runAsNonRoot") is True,
        "seccompProfile RuntimeDefault": pod.get("seccompProfile", {}).get("type") == "RuntimeDefault",
        "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
        "allowPrivilegeEscalation: false": own.get("allowPrivilegeEscalation") is False,
        "capabilities.drop ALL": "ALL" in own.get("capabilities", {}).get("drop", []),
        "a writable /tmp": any(mount["mountPath"] == "/tmp" for mount in container.get("volumeMounts", [])),  # noqa: S108
        "requests": {"cpu", "memory"} <= container.get("resources", {}).get("requests", {}).keys(),
        "a limit of memory": "memory" in container.get("resources", {}).get("limits", {}),
    }
    for demand, met in demands.items():
        if not met:
            yield Finding(where, f"lacks {demand}")


def _check_probes(where: str, labels: dict[str, str], container: Manifest) -> Iterator[Finding]:
    names = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    if not names:
        return
    for probe in _PROBES:
        request = container.get(probe, {}).get("httpGet")
        if request is None:
            yield Finding(where, f"has no {probe}")
            continue
        # The gateway's /readyz asks all services; one that is away must not close the door to the others.
        ready = "/healthz" if labels["app.kubernetes.io/component"] == "gateway" else "/readyz"
        path = ready if probe == "readinessProbe" else "/healthz"
        if request["path"] != path or (request["port"] not in names and request["port"] not in names.values()):
            yield Finding(where, f"{probe} asks {request['path']} on {request['port']}, not {path} on {names}")


def _check_sources(where: str, container: Manifest, rendered: Rendered, secrets: Secrets) -> Iterator[Finding]:
    for source in container.get("envFrom", []):
        name = source.get("configMapRef", {}).get("name")
        if name is not None and name not in rendered.names("ConfigMap"):
            yield Finding(where, f"there is no ConfigMap {name!r}")
        secret = source.get("secretRef", {}).get("name")
        if secret is not None and secret not in secrets:
            yield Finding(where, f"{SECRETS} has no Secret {secret!r}")
    for entry in container.get("env", []):
        if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
            yield from _check_key(where, secrets, reference["name"], reference["key"])


def _check_key(where: str, secrets: Secrets, name: str, key: str) -> Iterator[Finding]:
    if key not in secrets.get(name, {}):
        yield Finding(where, f"{SECRETS} has no key {key} in the Secret {name!r}")


def _check_service(where: str, service: Manifest, pods: list[Manifest]) -> Iterator[Finding]:
    for pod in pods:
        if not service["spec"]["selector"].items() <= pod["metadata"]["labels"].items():
            continue
        ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
        known = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
        for port in service["spec"]["ports"]:
            if port.get("targetPort", port["port"]) not in known:
                yield Finding(
                    where, f"leads to port {port.get('targetPort', port['port'])}, which its pods do not have"
                )


def _check_ingress(where: str, ingress: Manifest, rendered: Rendered) -> Iterator[Finding]:
    ports = {entry["metadata"]["name"]: entry["spec"]["ports"] for entry in rendered.of_kind("Service")}
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            wanted = backend["port"]
            if not any(
                wanted.items() <= {**port, "number": port["port"]}.items() for port in ports.get(backend["name"], [])
            ):
                yield Finding(where, f"leads to {backend['name']} {wanted}, which does not exist")


def _check_scaling(where: str, manifest: Manifest, rendered: Rendered) -> Iterator[Finding]:
    spec = manifest["spec"]
    if manifest["kind"] == "ScaledObject":
        if spec["scaleTargetRef"]["name"] not in rendered.names("Deployment"):
            yield Finding(where, f"scales the Deployment {spec['scaleTargetRef']['name']!r}, which does not exist")
    else:
        # A claimed job leaves the queue empty while it runs: only `accurate` counts right then.
        if spec.get("scalingStrategy", {}).get("strategy") != "accurate":
            yield Finding(where, "scalingStrategy.strategy must be accurate")
        if "--once" not in spec["jobTargetRef"]["template"]["spec"]["containers"][0].get("args", []):
            yield Finding(where, "its Jobs would never end: --once is missing")
    queues = {subscription.queue for subscription in SUBSCRIPTIONS}
    for trigger in spec["triggers"]:
        metadata = trigger["metadata"]
        if trigger["type"] != "rabbitmq" or metadata.keys() - _RABBITMQ_TRIGGER:
            yield Finding(
                where, f"trigger {trigger['type']} with {sorted(metadata.keys() - _RABBITMQ_TRIGGER)} is unknown"
            )
        if metadata.get("queueName") not in queues:
            yield Finding(where, f"Foretide declares no queue {metadata.get('queueName')!r}")
        if trigger.get("authenticationRef", {}).get("name") not in rendered.names("TriggerAuthentication"):
            yield Finding(where, f"there is no TriggerAuthentication {trigger.get('authenticationRef')}")
