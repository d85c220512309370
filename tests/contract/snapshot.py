"""``python -m tests.contract.snapshot``: renew the published shape of every message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.events.catalogue import CATALOGUE

FILE = Path(__file__).parent / "snapshots" / "messages.json"


def current() -> dict[str, Any]:
    """Every message's type, kind, owner and JSON schema."""
    return {
        definition.name: {
            "version": definition.version,
            "kind": definition.kind.value,
            "owner": definition.owner,
            "numbered": definition.numbered,
            "schema": definition.payload.model_json_schema(mode="serialization"),
        }
        for definition in CATALOGUE.values()
    }


def breaking_changes(published: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What an outside consumer of the published messages would stumble over."""
    found = []
    for name, before in published.items():
        if name not in now:
            found.append(f"{name} is gone")
            continue
        after = now[name]
        found += [f"{name}: {key} changed" for key in ("version", "kind", "numbered") if before[key] != after[key]]
        fields = after["schema"].get("properties", {})
        for field, shape in before["schema"].get("properties", {}).items():
            if field not in fields:
                found.append(f"{name}.{field} is gone")
            elif _type(shape) != _type(fields[field]):
                found.append(f"{name}.{field} changed its type")
    return found


def _type(shape: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shape.items() if key not in ("title", "description", "default")}


def main() -> None:
    """Write the snapshot."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
