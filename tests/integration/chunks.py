"""Chunks as tests of their limits send them."""

from __future__ import annotations

import httpx


async def chunk(
    client: httpx.AsyncClient, upload_id: str, index: int, total: int, data: bytes = b"x"
) -> httpx.Response:
    form = {"uploadId": upload_id, "chunkIndex": str(index), "totalChunks": str(total), "fileName": "load.csv"}
    return await client.post("/api/training/upload-chunk", data=form, files={"chunk": ("x", data)})
