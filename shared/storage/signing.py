"""Download URLs of the folder store: made by the adapter, checked by the route that serves them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from shared.storage.errors import SignatureRefused
from shared.storage.port import SignedUrl

FILES_PATH = "/api/files"


def sign_url(
    secret: str, public_url: str, *, bucket: str, key: str, expires_seconds: int, download_name: str | None
) -> SignedUrl:
    """``{public_url}/api/files/{bucket}/{key}?expires=…[&download=…]&signature=…``, in Unix seconds."""
    expires = int(time.time()) + expires_seconds
    query = {"expires": str(expires)}
    if download_name is not None:
        query["download"] = download_name
    query["signature"] = _signature(secret, "GET", bucket, key, str(expires), download_name)
    path = f"{FILES_PATH}/{bucket}/{quote(key, safe='/')}"
    return SignedUrl(f"{public_url.rstrip('/')}{path}?{urlencode(query)}", datetime.fromtimestamp(expires, UTC))


def verify_signature(
    secret: str,
    *,
    method: str,
    bucket: str,
    key: str,
    expires: str,
    signature: str,
    download_name: str | None,
) -> None:
    """Raises :class:`SignatureRefused` (403) unless the request is one that ``sign_url`` allowed.

    Takes path and query as they came, percent-decoded. HEAD is allowed where GET is.
    """
    signed_method = "GET" if method == "HEAD" else method
    right = _signature(secret, signed_method, bucket, key, expires, download_name)
    if not hmac.compare_digest(right.encode(), signature.encode(errors="replace")):
        raise SignatureRefused("The link was changed or is incomplete.")
    if int(expires) <= time.time():
        raise SignatureRefused("The link's time is over.")


def _signature(secret: str, method: str, bucket: str, key: str, expires: str, download_name: str | None) -> str:
    if not secret:
        raise ValueError("an empty secret signs nothing")
    # A JSON array, so that no two different requests have the same text.
    message = json.dumps(["foretide-download-1", method, bucket, key, expires, download_name])
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
