"""Standard Webhooks' published vector, and a verification that shares nothing with what signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from services.notifier.webhooks.signing import new_secret, signed_headers

# From the test suites of the reference libraries (standard-webhooks/standard-webhooks, "sign function works").
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector() -> None:
    assert signed_headers(MESSAGE_ID, AT, BODY, [SECRET]) == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_each_secret_signs_the_newest_first_and_fractions_of_seconds_are_not_signed() -> None:
    secrets = [new_secret(), SECRET, new_secret()]
    headers = signed_headers(MESSAGE_ID, AT.replace(microsecond=999_999), BODY, secrets)
    signatures = headers["webhook-signature"].split(" ")
    assert signatures[1] == SIGNATURE
    for secret, signature in zip(secrets, signatures, strict=True):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + BODY, hashlib.sha256).digest()
        assert signature == f"v1,{base64.b64encode(digest).decode()}"


def test_a_body_beyond_ascii_is_signed_as_it_is_sent() -> None:
    body = '{"name": "Größe ☃"}'.encode()
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, f"{MESSAGE_ID}.1614265330.".encode() + body, hashlib.sha256).digest()
    headers = signed_headers(MESSAGE_ID, AT, body, [SECRET])
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_a_secret_is_marked_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith("whsec_") for secret in secrets)
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets} == {32}
