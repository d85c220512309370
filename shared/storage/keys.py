"""Names of buckets and the rules for keys: what every adapter, Supabase's included, stores unchanged."""

from __future__ import annotations

import re

from shared.storage.errors import InvalidKey

TRAINING_FILES = "training-files"
TRAINING_RESULTS = "training-results"
TRAINING_DATASETS = "training-datasets"
FORECAST_UPLOADS = "forecast-uploads"
ML_ARTIFACTS = "ml-artifacts"
UPLOAD_STAGING = "upload-staging"

BUCKETS = frozenset(
    {TRAINING_FILES, TRAINING_RESULTS, TRAINING_DATASETS, FORECAST_UPLOADS, ML_ARTIFACTS, UPLOAD_STAGING}
)

MAX_KEY_BYTES = 900
MAX_SEGMENT_BYTES = 200
"""A segment becomes a file or folder name, of which file systems allow 255 bytes; the rest is ours."""

_ALLOWED = re.compile(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]+")


def check_bucket(bucket: str) -> None:
    """Raises :class:`InvalidKey` unless ``bucket`` is one of ours."""
    if bucket not in BUCKETS:
        raise InvalidKey(bucket, "is not one of Foretide's buckets")


def check_key(key: str) -> None:
    """Raises :class:`InvalidKey` unless ``key`` means the same object, and nothing else, in every store.

    Allowed are ``A-Za-z0-9_/!.*'() &$=@;:+,?-``, up to 900 bytes in segments of up to 200; no segment is
    empty or ``.``, and ``..`` is nowhere.
    """
    if not _ALLOWED.fullmatch(key):
        raise InvalidKey(key, "is empty or has a character that object stores do not take")
    if len(key) > MAX_KEY_BYTES:
        raise InvalidKey(key, f"is longer than {MAX_KEY_BYTES} bytes")
    if ".." in key:
        raise InvalidKey(key, "has '..' in it")
    for segment in key.split("/"):
        if segment in ("", "."):
            raise InvalidKey(key, "begins or ends with '/', or has an empty or '.' part")
        if len(segment) > MAX_SEGMENT_BYTES:
            raise InvalidKey(key, f"has a part longer than {MAX_SEGMENT_BYTES} bytes")


def folder_prefix(prefix: str) -> str:
    """What all keys in the folder ``prefix`` begin with: ``a/1`` gives ``a/1/``, ``""`` gives ``""``.

    So ``a/1`` never means ``a/10`` too. One '/' at the end is allowed. Raises :class:`InvalidKey`.
    """
    if not prefix:
        return ""
    folder = prefix.removesuffix("/")
    check_key(folder)
    return f"{folder}/"
