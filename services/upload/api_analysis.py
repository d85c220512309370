"""HTTP: what was found in a file, and how a person says otherwise."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request

from services.upload.reading import FileReader
from services.upload.rereading import find_file, read_again
from shared.analysis.document import Analysis, AnalysisOverrides
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.web.authentication import CurrentCaller

router = APIRouter(prefix="/api/training/sessions/{sessionId}/files/{fileId}", tags=["files"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]
FileId = Annotated[UUID, Path(alias="fileId")]


@router.get("/analysis", response_model=Analysis, summary="Read what was found in a file")
async def read_analysis(request: Request, caller: CurrentCaller, session_id: SessionId, file_id: FileId) -> Any:
    """Columns, delimiter, times, gaps, what could be read otherwise, and the first twenty rows."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        return (await find_file(transaction, session_id, file_id))["analysis"]


@router.put("/analysis", response_model=Analysis, summary="Read a file again, with some things decided")
async def override_analysis(
    request: Request, caller: CurrentCaller, session_id: SessionId, file_id: FileId, overrides: AnalysisOverrides
) -> Any:
    """The overrides replace all earlier ones; none at all leave everything to the analysis.

    Datasets that were made before are as they were; new ones are made from the file as it is read now.
    """
    service: Service = request.app.state.service
    reader: FileReader = request.app.state.reader
    return await read_again(service.database, reader, caller.user_id, session_id, file_id, overrides)
