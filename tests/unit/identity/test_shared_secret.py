"""Tokens signed with a shared secret."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from shared.identity.errors import TokenRefused
from shared.identity.issuer import LOCAL_ISSUER, issue_token
from shared.identity.verifier import TokenVerifier
from shared.problems import Category
from shared.settings import Settings
from tests.unit.identity.conftest import (
    ISSUER,
    SECRET,
    USER,
    claims,
    elliptic_key,
    forged,
    public_key_token,
    symmetric_token,
)


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(secret=SECRET, issuer=ISSUER)


async def refusal(verifier: TokenVerifier, token: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as refused:
        await verifier.verify(token)
    problem = refused.value.problem
    assert (problem.status, problem.category) == (401, Category.UNAUTHORIZED)
    return refused.value


async def test_a_good_token_names_its_user(verifier: TokenVerifier) -> None:
    expires = int(time.time()) + 1234
    caller = await verifier.verify(symmetric_token(exp=expires))

    assert caller.user_id == USER
    assert caller.claims["email"] == "somebody@example.org"
    assert caller.expires_at == datetime.fromtimestamp(expires, UTC)


@pytest.mark.parametrize(
    "good",
    [
        {"aud": ["other", "authenticated"]},
        {"iat": None},
        {"is_anonymous": True},
        {"sub": str(USER).upper()},
    ],
)
async def test_tokens_that_differ_within_reason_are_accepted(verifier: TokenVerifier, good: dict[str, Any]) -> None:
    assert (await verifier.verify(symmetric_token(**good))).user_id == USER


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_clocks_may_differ_by_half_a_minute_but_not_by_two(verifier: TokenVerifier, claim: str) -> None:
    now = int(time.time())

    assert (await verifier.verify(symmetric_token(**{claim: now + 20}))).user_id == USER
    await refusal(verifier, symmetric_token(**{claim: now + 120}))


@pytest.mark.parametrize(
    "bad",
    [
        {"iss": "https://other.supabase.co/auth/v1"},
        {"iss": None},
        {"aud": "anon"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": None},
        {"role": "anon"},
        {"role": "service_role"},
        {"role": ["authenticated"]},
        {"role": None},
        {"sub": "1"},
        {"sub": f"{{{USER}}}"},
        {"sub": USER.hex},
        {"sub": None},
        {"exp": None},
        {"exp": 10**30},
        {"exp": float("inf")},
    ],
    ids=str,
)
async def test_a_token_with_a_wrong_claim_is_refused(verifier: TokenVerifier, bad: dict[str, Any]) -> None:
    refused = await refusal(verifier, forged_claims(bad))

    assert refused.problem.title == "The token is not valid"
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def forged_claims(changes: dict[str, Any]) -> str:
    # Signed by hand: the library refuses to make some of these.
    return jwt.PyJWS().encode(json.dumps(claims(**changes)).encode(), SECRET, algorithm="HS256", headers={"typ": "JWT"})


@pytest.mark.parametrize("ago", [1, 20, 86_400])
async def test_a_token_ends_when_it_says(verifier: TokenVerifier, ago: int) -> None:
    now = int(time.time())
    refused = await refusal(verifier, symmetric_token(exp=now - ago, iat=now - 90_000))

    assert refused.problem.title == "The token has expired"
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_no_token_is_told_apart_from_a_bad_one(verifier: TokenVerifier) -> None:
    refused = await refusal(verifier, "")

    assert refused.problem.title == "A token is needed"
    assert refused.headers["WWW-Authenticate"] == "Bearer"


async def test_another_secret_is_refused(verifier: TokenVerifier) -> None:
    await refusal(verifier, symmetric_token(secret="another secret of at least thirty-two bytes"))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, "HS384", "HS512", "RS256", 256])
async def test_no_other_algorithm_is_accepted(verifier: TokenVerifier, algorithm: Any) -> None:
    await refusal(verifier, forged({"alg": algorithm, "typ": "JWT"}, claims()))


async def test_a_longer_hash_with_the_right_secret_is_refused(verifier: TokenVerifier) -> None:
    await refusal(verifier, jwt.encode(claims(), SECRET.ljust(64, "."), algorithm="HS512"))


async def test_a_token_of_a_key_pair_is_refused_where_only_a_secret_is_known(verifier: TokenVerifier) -> None:
    await refusal(verifier, public_key_token(elliptic_key(), "1"))


@pytest.mark.parametrize("key", ["sb_publishable_abc", "sb_secret_abc", f"sb_secret_{symmetric_token()}"])
async def test_an_api_key_is_not_a_users_token(verifier: TokenVerifier, key: str) -> None:
    assert "API key" in (await refusal(verifier, key)).problem.detail


@pytest.mark.parametrize(
    "nonsense",
    [
        "a",
        "a.b.c",
        "..",
        "ä.ö.ü",
        "\ud800",
        forged([], {}),
        forged({"alg": "HS256"}, []),
        forged({"alg": "HS256", "kid": 1}, claims()),
        forged({"alg": "HS256", "crit": ["x"]}, claims()),
        symmetric_token()[:-2],
        symmetric_token() + ".x",
        symmetric_token(headers={"kid": "x"}).replace(".", "", 1),
    ],
)
async def test_nonsense_is_refused_like_any_other_token(verifier: TokenVerifier, nonsense: str) -> None:
    await refusal(verifier, nonsense)


async def test_a_token_of_no_reasonable_length_is_not_looked_into(verifier: TokenVerifier) -> None:
    await refusal(verifier, symmetric_token(user_metadata={"note": "x" * 20_000}))


async def test_a_header_nested_too_deep_is_refused(verifier: TokenVerifier) -> None:
    header = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 5000 + b"]" * 5000 + b"}").rstrip(b"=").decode()

    await refusal(verifier, f"{header}.e30.")


async def test_without_an_issuer_any_issuer_is_accepted() -> None:
    assert (await TokenVerifier(secret=SECRET).verify(symmetric_token(iss="somebody"))).user_id == USER


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        TokenVerifier(secret="short")


def test_a_verifier_needs_something_to_verify_with() -> None:
    with pytest.raises(ValueError, match="shared secret"):
        TokenVerifier()


async def test_a_local_token_is_a_users_token() -> None:
    verifier = TokenVerifier(secret=SECRET, issuer=LOCAL_ISSUER)
    token = issue_token(SECRET, USER, lifetime=timedelta(hours=1), email="me@localhost")

    caller = await verifier.verify(token)

    assert (caller.user_id, caller.claims["email"]) == (USER, "me@localhost")
    assert abs(caller.expires_at - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=5)
    assert {"iss", "aud", "exp", "iat", "sub", "role", "email"} == caller.claims.keys()


async def test_a_local_token_expires() -> None:
    refused = await refusal(TokenVerifier(secret=SECRET), issue_token(SECRET, USER, lifetime=timedelta(seconds=-1)))

    assert refused.problem.title == "The token has expired"


async def test_the_settings_say_what_is_verified() -> None:
    settings = Settings(
        bus_url="amqp://",
        database_url="postgresql://",
        store_url="s3://",
        jwt_secret=SECRET,
        jwt_issuer=ISSUER,
        jwt_audience="somebody",
    )
    verifier = TokenVerifier.from_settings(settings)

    assert (await verifier.verify(symmetric_token(aud="somebody"))).user_id == USER
    await refusal(verifier, symmetric_token(aud="authenticated"))
    await refusal(verifier, symmetric_token(aud="somebody", iss="somebody"))
