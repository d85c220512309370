"""What a dataset is known by: one number over all that it depends on. Imports nothing that computes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from shared.series.configuration import Configuration

FORMAT_VERSION = 1
"""Of datasets at rest; it changes when the same configuration and files would give another dataset."""


def fingerprint(configuration: Configuration, file_hashes: Mapping[str, str]) -> str:
    """SHA-256 over the configuration without what only the trainer reads, and the files.

    Files count by their content, whatever they are called; ``file_hashes`` has it by their ids.
    """
    document = configuration.model_dump(mode="json", exclude={"models", "time_limit_seconds"})
    for entry, stored in zip(configuration.series, document["series"], strict=True):
        stored |= {"file": file_hashes[entry.file], "label": entry.label}
    text = orjson.dumps({"version": FORMAT_VERSION, "configuration": document}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()
