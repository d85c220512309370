"""Tokens signed with a private key, verified with public keys read from the provider."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from base64 import urlsafe_b64encode

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.identity.errors import KeysUnavailable, TokenRefused
from shared.identity.keys import FRESH_SECONDS, RETRY_SECONDS, UNKNOWN_KEY_SECONDS, KeySet, public_keys
from shared.identity.verifier import TokenVerifier
from tests.unit.identity.conftest import (
    JWKS_URL,
    SECRET,
    USER,
    Provider,
    claims,
    elliptic_key,
    public_jwk,
    public_key_token,
    symmetric_token,
)

KEY = elliptic_key()
OTHER_KEY = elliptic_key()
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def verifier(provider: Provider) -> TokenVerifier:
    provider.keys = [public_jwk(KEY, "1")]
    return TokenVerifier(keys=KeySet(JWKS_URL, fetch=provider.fetch, clock=provider.now))


async def assert_accepted(verifier: TokenVerifier, token: str) -> None:
    assert (await verifier.verify(token)).user_id == USER


async def assert_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(token)
    assert refused.value.problem.status == 401
    assert refused.value.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_the_right_key_is_accepted(verifier: TokenVerifier) -> None:
    await assert_accepted(verifier, public_key_token(KEY, "1"))


async def test_an_rsa_key_is_accepted(verifier: TokenVerifier, provider: Provider) -> None:
    provider.keys = [public_jwk(KEY, "1"), public_jwk(RSA_KEY, "2")]

    await assert_accepted(verifier, public_key_token(RSA_KEY, "2"))


async def test_another_key_under_the_same_id_is_refused(verifier: TokenVerifier) -> None:
    await assert_refused(verifier, public_key_token(OTHER_KEY, "1"))


async def test_a_key_of_another_type_under_the_same_id_is_refused(verifier: TokenVerifier) -> None:
    await assert_refused(verifier, public_key_token(RSA_KEY, "1"))


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
async def test_a_key_is_used_with_its_one_algorithm(
    verifier: TokenVerifier, provider: Provider, algorithm: str
) -> None:
    provider.keys = [public_jwk(RSA_KEY, "1")]

    await assert_refused(verifier, jwt.encode(claims(), RSA_KEY, algorithm=algorithm, headers={"kid": "1"}))


async def test_a_token_without_a_key_id_is_refused(verifier: TokenVerifier, provider: Provider) -> None:
    await assert_refused(verifier, public_key_token(KEY, None))
    assert provider.readings == 0


@pytest.mark.parametrize("with_secret", [False, True])
async def test_a_public_key_is_not_taken_for_a_shared_secret(provider: Provider, with_secret: bool) -> None:
    provider.keys = [public_jwk(KEY, "1")]
    verifier = TokenVerifier(
        secret=SECRET if with_secret else None,
        keys=KeySet(JWKS_URL, fetch=provider.fetch, clock=provider.now),
    )
    public_bytes = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "1"}, claims())]
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = urlsafe_b64encode(hmac.digest(public_bytes, signed, hashlib.sha256)).rstrip(b"=")

    await assert_refused(verifier, (signed + b"." + signature).decode())


async def test_a_secret_and_public_keys_are_accepted_side_by_side(provider: Provider) -> None:
    provider.keys = [public_jwk(KEY, "1")]
    verifier = TokenVerifier(secret=SECRET, keys=KeySet(JWKS_URL, fetch=provider.fetch, clock=provider.now))

    await assert_accepted(verifier, symmetric_token(headers={"kid": "1"}))
    await assert_accepted(verifier, public_key_token(KEY, "1"))


async def test_keys_are_read_once_and_kept(verifier: TokenVerifier, provider: Provider) -> None:
    for _ in range(3):
        await assert_accepted(verifier, public_key_token(KEY, "1"))
    assert provider.readings == 1

    provider.seconds += FRESH_SECONDS
    await assert_accepted(verifier, public_key_token(KEY, "1"))
    assert provider.readings == 2


async def test_a_rotated_key_is_read_at_its_first_token(verifier: TokenVerifier, provider: Provider) -> None:
    await assert_accepted(verifier, public_key_token(KEY, "1"))
    provider.keys = [public_jwk(OTHER_KEY, "2")]

    await assert_accepted(verifier, public_key_token(OTHER_KEY, "2"))
    await assert_refused(verifier, public_key_token(KEY, "1"))


async def test_tokens_of_unknown_keys_cause_one_reading_in_a_while(verifier: TokenVerifier, provider: Provider) -> None:
    await assert_accepted(verifier, public_key_token(KEY, "1"))

    for number in range(5):
        await assert_refused(verifier, public_key_token(OTHER_KEY, f"unknown {number}"))
    assert provider.readings == 2

    provider.seconds += UNKNOWN_KEY_SECONDS
    await assert_refused(verifier, public_key_token(OTHER_KEY, "unknown"))
    assert provider.readings == 3


async def test_the_keys_of_before_count_while_the_provider_is_away(verifier: TokenVerifier, provider: Provider) -> None:
    await assert_accepted(verifier, public_key_token(KEY, "1"))
    provider.failure = httpx.ConnectError("away")
    provider.seconds += 10 * FRESH_SECONDS

    for _ in range(3):
        await assert_accepted(verifier, public_key_token(KEY, "1"))
    assert provider.readings == 2

    provider.seconds += RETRY_SECONDS
    await assert_accepted(verifier, public_key_token(KEY, "1"))
    assert provider.readings == 3


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("away"), httpx.ReadTimeout("slow"), TimeoutError(), ValueError("not JSON")]
)
async def test_without_any_keys_the_caller_is_not_blamed(
    verifier: TokenVerifier, provider: Provider, failure: Exception
) -> None:
    provider.failure = failure
    for _ in range(2):
        with pytest.raises(KeysUnavailable) as unavailable:
            await verifier.verify(public_key_token(KEY, "1"))
    assert (unavailable.value.problem.status, unavailable.value.retryable) == (503, True)
    assert provider.readings == 1

    provider.failure = None
    provider.seconds += RETRY_SECONDS
    await assert_accepted(verifier, public_key_token(KEY, "1"))


async def test_a_provider_without_keys_signs_nothing(verifier: TokenVerifier, provider: Provider) -> None:
    provider.keys = []

    await assert_refused(verifier, public_key_token(KEY, "1"))


async def test_known_keys_do_not_wait_for_a_slow_provider(provider: Provider) -> None:
    provider.keys = [public_jwk(KEY, "1")]
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow_the_second_time(url: str) -> object:
        document = await provider.fetch(url)
        if provider.readings > 1:
            asked.set()
            await answered.wait()
        return document

    verifier = TokenVerifier(keys=KeySet(JWKS_URL, fetch=slow_the_second_time, clock=provider.now))
    await assert_accepted(verifier, public_key_token(KEY, "1"))
    provider.seconds += FRESH_SECONDS
    reading = asyncio.create_task(verifier.verify(public_key_token(KEY, "1")))
    await asked.wait()

    await asyncio.wait_for(assert_accepted(verifier, public_key_token(KEY, "1")), 5)

    assert not reading.done()
    answered.set()
    assert (await reading).user_id == USER


async def test_many_first_tokens_cause_one_reading(verifier: TokenVerifier, provider: Provider) -> None:
    await asyncio.gather(*(assert_accepted(verifier, public_key_token(KEY, "1")) for _ in range(20)))

    assert provider.readings == 1


def test_only_keys_for_signatures_with_our_algorithms_are_taken() -> None:
    document = {
        "keys": [
            public_jwk(KEY, "elliptic"),
            public_jwk(RSA_KEY, "rsa", alg="RS256"),
            public_jwk(RSA_KEY, "for encryption", use="enc"),
            public_jwk(RSA_KEY, "another algorithm", alg="RS512"),
            public_jwk(ec.generate_private_key(ec.SECP384R1()), "another curve"),
            {**public_jwk(KEY, "damaged"), "x": "AAAA"},
            {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0", "alg": "HS256"},
            {name: value for name, value in public_jwk(KEY, "").items() if name != "kid"},
        ]
    }

    assert {key_id: key.algorithm for key_id, key in public_keys(document).items()} == {
        "elliptic": "ES256",
        "rsa": "RS256",
    }


@pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": ["x"]}, "keys"])
def test_what_is_not_a_key_set_is_an_error(document: object) -> None:
    with pytest.raises(ValueError, match="not a JWKS document"):
        public_keys(document)
