"""The least that takes the same chunks: Starlette parses the form and writes each chunk to a file of its own.

python -m benchmarks.upload_bare FOLDER PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

import aiofiles
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def application(folder: Path) -> Starlette:
    """Writes to this folder."""

    async def upload_chunk(request: Request) -> JSONResponse:
        async with request.form() as form:
            chunk, index = form["chunk"], form["chunkIndex"]
            assert isinstance(chunk, UploadFile)
            async with aiofiles.open(folder / f"{index}", "wb") as file:
                await file.write(await chunk.read())
        return JSONResponse({"status": "chunk_received"})

    async def announce(_: Request) -> JSONResponse:
        return JSONResponse({"uploadId": "bare"}, status_code=201)

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/api/training/upload-chunk", upload_chunk, methods=["POST"]),
            Route("/api/training/uploads", announce, methods=["POST"]),
            Route("/healthz", healthz),
        ]
    )


def main() -> None:
    """Serve until ended."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(application(folder), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
