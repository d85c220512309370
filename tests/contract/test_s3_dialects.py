"""The S3 adapter against answers that Supabase Storage's S3 endpoint gives and AWS does not.

The server here is a double of exactly these answers; it does not check signatures.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.etree import ElementTree

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.storage.errors import ObjectNotFound, StoreRefused, StoreUnavailable
from shared.storage.keys import TRAINING_RESULTS, UPLOAD_STAGING
from shared.storage.s3 import S3Store
from shared.storage.s3_location import parse_s3_url
from tests.contract.asgi_server import free_socket, serve, url_of

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def error(status: int, code: str) -> Response:
    body = f'<?xml version="1.0"?><Error xmlns="{NAMESPACE}"><Code>{code}</Code><Message>m</Message></Error>'
    return Response(body, status, media_type="application/xml")


class SupabaseDouble:
    """Has no objects; remembers which it was told to delete."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def bucket(self, request: Request) -> Response:
        if request.method == "POST" and "delete" in request.query_params:
            return await self._delete(request)
        return error(404, "NoSuchBucket")

    async def _delete(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/xml":
            return error(400, "InvalidRequest")
        keys = [found.text or "" for found in ElementTree.fromstring(await request.body()).iter() if "Key" in found.tag]
        self.deleted += keys
        # Missing keys are listed as deleted, and Quiet changes nothing.
        listed = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return Response(f'<DeleteResult xmlns="{NAMESPACE}">{listed}</DeleteResult>', media_type="application/xml")

    async def object(self, request: Request) -> Response:
        if request.method == "PUT":
            return {
                "large": error(413, "EntityTooLarge"),
                "type": error(415, "InvalidMimeType"),
                "busy": error(503, "SlowDown"),
                "no-bucket": error(404, "NoSuchBucket"),
            }[request.path_params["key"]]
        if request.method == "HEAD":
            return Response(status_code=404)
        return error(404, "NoSuchKey")

    def application(self) -> Starlette:
        methods = ["GET", "HEAD", "POST", "PUT", "DELETE"]
        return Starlette(
            routes=[
                Route("/storage/v1/s3/{bucket}", self.bucket, methods=methods),
                Route("/storage/v1/s3/{bucket}/{key:path}", self.object, methods=methods),
            ]
        )


@pytest.fixture
def supabase() -> SupabaseDouble:
    return SupabaseDouble()


@pytest.fixture
async def store(supabase: SupabaseDouble) -> AsyncIterator[S3Store]:
    with free_socket() as bound:
        host = url_of(bound).removeprefix("http://")
        async with serve(supabase.application(), bound):
            opened = await S3Store.open(parse_s3_url(f"s3://key:secret@{host}/storage/v1/s3?tls=false"))
            yield opened
            await opened.close()


async def test_objects_are_deleted_many_at_a_time(store: S3Store, supabase: SupabaseDouble) -> None:
    keys = [f"a/{number}" for number in range(1500)]

    await store.delete_many(UPLOAD_STAGING, keys)

    assert supabase.deleted == keys


async def test_errors_in_a_namespace_keep_their_code(store: S3Store) -> None:
    with pytest.raises(ObjectNotFound):
        await anext(store.get(TRAINING_RESULTS, "missing"))
    with pytest.raises(ObjectNotFound):
        await store.stat(TRAINING_RESULTS, "missing")
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        await anext(store.list(TRAINING_RESULTS))
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        await store.put(TRAINING_RESULTS, "no-bucket", b".")


@pytest.mark.parametrize(("key", "code"), [("large", "EntityTooLarge"), ("type", "InvalidMimeType")])
async def test_an_object_that_the_store_does_not_take_is_not_tried_again(store: S3Store, key: str, code: str) -> None:
    with pytest.raises(StoreRefused, match=code) as refused:
        await store.put(UPLOAD_STAGING, key, b".")
    assert not refused.value.retryable


async def test_a_busy_store_can_be_tried_again(store: S3Store) -> None:
    with pytest.raises(StoreUnavailable) as busy:
        await store.put(UPLOAD_STAGING, "busy", b".")
    assert busy.value.retryable
