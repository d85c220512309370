"""The ``Content-Disposition`` header of a download (RFC 6266)."""

from __future__ import annotations

import re
from urllib.parse import quote

_NOT_IN_A_FALLBACK = re.compile(r"[^A-Za-z0-9 !#&+,.()@_-]")


def content_disposition(download_name: str) -> str:
    """``attachment`` under that name: in ASCII for old clients, in UTF-8 for all others.

    The name is data: quotes, control characters and slashes cannot end the header or choose a folder.
    """
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", download_name)
    fallback = _NOT_IN_A_FALLBACK.sub("_", name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
