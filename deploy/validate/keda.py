"""The fields of KEDA's objects (keda.sh/v1alpha1, 2.16) that these files may use; whatever else is refused.

KEDA ships no schema that could be had without a cluster. What its objects take over from Kubernetes, a Job's
specification and an autoscaler's behaviour, is checked by Kubernetes' own schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def _fields(needed: str = "", **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": needed.split(), "additionalProperties": False}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


_TRIGGERS = _list_of(
    _fields(
        "type metadata",
        type=_TEXT,
        name=_TEXT,
        metadata={"type": "object", "additionalProperties": _TEXT},
        authenticationRef=_fields("name", name=_TEXT, kind=_one_of("TriggerAuthentication")),
        metricType=_one_of("AverageValue", "Value", "Utilization"),
        useCachedMetrics={"type": "boolean"},
    )
)
_SPECIFICATIONS: dict[str, Schema] = {
    "ScaledJob": _fields(
        "jobTargetRef triggers",
        jobTargetRef={"type": "object"},
        pollingInterval=_COUNT,
        successfulJobsHistoryLimit=_COUNT,
        failedJobsHistoryLimit=_COUNT,
        minReplicaCount=_COUNT,
        maxReplicaCount=_COUNT,
        rollout=_fields(strategy=_one_of("default", "gradual"), propagationPolicy=_one_of("background", "foreground")),
        scalingStrategy=_fields(
            strategy=_one_of("default", "accurate", "eager"),
            pendingPodConditions=_list_of(_TEXT),
            multipleScalersCalculation=_one_of("max", "min", "avg", "sum"),
        ),
        triggers=_TRIGGERS,
    ),
    "ScaledObject": _fields(
        "scaleTargetRef triggers",
        scaleTargetRef=_fields("name", name=_TEXT, kind=_one_of("Deployment"), apiVersion=_one_of("apps/v1")),
        pollingInterval=_COUNT,
        cooldownPeriod=_COUNT,
        initialCooldownPeriod=_COUNT,
        idleReplicaCount=_COUNT,
        minReplicaCount=_COUNT,
        maxReplicaCount=_COUNT,
        fallback=_fields("failureThreshold replicas", failureThreshold=_COUNT, replicas=_COUNT),
        advanced=_fields(
            restoreToOriginalReplicaCount={"type": "boolean"},
            horizontalPodAutoscalerConfig=_fields(name=_TEXT, behavior={"type": "object"}),
        ),
        triggers=_TRIGGERS,
    ),
    "TriggerAuthentication": _fields(
        secretTargetRef=_list_of(_fields("parameter name key", parameter=_TEXT, name=_TEXT, key=_TEXT))
    ),
}


def faults(manifest: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one of KEDA's objects."""
    specification = _SPECIFICATIONS.get(manifest["kind"])
    if specification is None:
        yield f"no schema is known for {manifest['kind']}"
        return
    schema = _fields("metadata spec", apiVersion=_TEXT, kind=_TEXT, metadata={"type": "object"}, spec=specification)
    for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest):
        yield f"{'.'.join(str(part) for part in error.absolute_path)}: {error.message}"


def borrowed(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Objects of Kubernetes that KEDA makes of parts of this one."""
    spec = manifest.get("spec", {})
    if "jobTargetRef" in spec:
        yield {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": spec["jobTargetRef"]}
    behavior = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior")
    if behavior is not None:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "target"}
        yield {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "autoscaler"},
            "spec": {"maxReplicas": 1, "scaleTargetRef": target, "behavior": behavior},
        }
