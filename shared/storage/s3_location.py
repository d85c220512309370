"""Where an S3 store is, read from its URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

_OPTIONS = {"region", "tls", "public"}


@dataclass(frozen=True, slots=True)
class S3Location:
    """An S3 endpoint and how to sign for it.

    Without ``endpoint`` it is AWS; without keys the AWS credential chain (environment, profile, role) is
    asked. ``public_endpoint`` is where people reach the same store: what they get is signed for it.
    """

    region: str
    endpoint: str | None = None
    public_endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)


def parse_s3_url(url: str) -> S3Location:
    """``s3://[key:secret@host[:port][/path]][?region=…&tls=true|false&public=https://…]``.

    Key and secret are percent-encoded; ``region`` defaults to ``us-east-1``, ``tls`` to true. The path is for
    stores below one, as Supabase's (``/storage/v1/s3``). Raises ValueError, which never shows the secret.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - _OPTIONS:
        raise ValueError(f"unknown option {sorted(unknown)[0]!r} in the store URL: there are {sorted(_OPTIONS)}")
    tls = options.get("tls", "true")
    if tls not in ("true", "false"):
        raise ValueError("tls in the store URL is true or false")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("the store URL has a key without a secret")
    host = parts.netloc.rpartition("@")[2]
    if not host and (parts.username is not None or parts.path.strip("/") or "tls" in options):
        raise ValueError("the store URL has no host")
    scheme = "https" if tls == "true" else "http"
    return S3Location(
        region=options.get("region", "us-east-1"),
        endpoint=f"{scheme}://{host}{parts.path.rstrip('/')}" if host else None,
        public_endpoint=options.get("public"),
        access_key=unquote(parts.username) if parts.username is not None else None,
        secret_key=unquote(parts.password) if parts.password is not None else None,
    )
