"""Secrets that must be read again: encrypted, with a key that is not where they are kept.

Fernet of ``cryptography`` (AES-128-CBC with HMAC-SHA256, https://github.com/fernet/spec); the keys are derived by HKDF
(RFC 5869), so that any long random text will do.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from shared.problems import Category, ProblemError

_PURPOSE = b"foretide: secrets of users"
_KEY_BYTES = 32


class Unreadable(Exception):
    """A secret that none of the keys opens: it was sealed under another one."""


class Vault:
    """Seals and opens. Of several keys, separated by commas, the first seals; each opens what it has sealed."""

    def __init__(self, keys: SecretStr | None) -> None:
        texts = [part.strip() for part in keys.get_secret_value().split(",")] if keys else []
        fernets = [Fernet(_derived(text)) for text in texts if text]
        self._fernet = MultiFernet(fernets) if fernets else None

    def seal(self, secret: str) -> str:
        """The secret, encrypted. Raises a problem where there is no key."""
        return self._opened().encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """The secret. Raises :class:`Unreadable`, and a problem where there is no key."""
        try:
            return self._opened().decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Unreadable("it was encrypted with another key than FORETIDE_ENCRYPTION_KEY") from error

    def _opened(self) -> MultiFernet:
        if self._fernet is None:
            raise ProblemError(
                Category.STORAGE_UNAVAILABLE,
                title="Secrets cannot be kept here",
                detail="This installation has no FORETIDE_ENCRYPTION_KEY to encrypt secrets with.",
                user_message="This needs a setting that whoever runs this Foretide has to make.",
                recovery=["Set FORETIDE_ENCRYPTION_KEY to the output of `openssl rand -hex 32` and restart."],
            )
        return self._fernet


def _derived(text: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(text.encode())
    return base64.urlsafe_b64encode(key)
