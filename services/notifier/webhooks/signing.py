"""A delivery's headers, as Standard Webhooks has them: pure.

Source: https://github.com/standard-webhooks/standard-webhooks, version 1.0.0 of the specification.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

_MARK = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """``whsec_`` and 256 random bits in base64."""
    return _MARK + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(message_id: str, at: datetime, body: bytes, signing: Sequence[str]) -> dict[str, str]:
    """Signed by each of the secrets (``whsec_…``), the newest first; ``at`` is when it is sent, in UTC."""
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, text) for secret in signing),
    }
