"""The one file of a multipart body, as a stream: nothing of it is kept in memory or on this machine's disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.upload.limits import Limits
from services.upload.tus.body import Body
from shared.problems import Category, ProblemError

REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary", "description": "One CSV file."}},
                    "required": ["file"],
                }
            }
        },
    }
}
"""For the route's OpenAPI, since FastAPI does not see the form."""

_AROUND_BYTES = 64 * 1024
_LONGEST_NAME = 255


class _State(Enum):
    BEFORE = "before the file"
    INSIDE = "in the file"
    AFTER = "after the file"


class FilePart:
    """The first part with a file name: :meth:`begin` gives that name, :meth:`blocks` the bytes, once.

    Starlette's own form would write the file to disk before the route sees it.
    """

    def __init__(self, request: Request, limits: Limits) -> None:
        self._limits = limits
        self._body = Body(request.stream())
        self._source = aiter(self._body)
        self._parser = _parser(request, self)
        self._state = _State.BEFORE
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""
        self._file_name = ""
        self._waiting: list[bytes] = []
        self._received = 0
        self._size = 0

    async def begin(self) -> str:
        """Read up to where the file begins; what its user calls it.

        Raises problems: 422 without a file or its name, and for what is no multipart body; 408 for one that broke off.
        """
        while self._state is _State.BEFORE and await self._feed():
            pass
        if self._state is _State.BEFORE:
            raise _no_file()
        return self._file_name

    async def blocks(self) -> AsyncIterator[bytes]:
        """The file's bytes, to the last. Raises 413 for more than a file may have, 422 for a second file, 408."""
        while True:
            for block in self._waiting:
                self._size += len(block)
                self._limits.check_size(self._file_name, self._size)
                yield block
            self._waiting = []
            if not await self._feed():
                break
        if self._state is not _State.AFTER:
            raise _broken_off()

    async def _feed(self) -> bool:
        """Parse what comes next; False at the end of the body."""
        try:
            block = await anext(self._source)
        except StopAsyncIteration:
            if self._body.broken_off:
                raise _broken_off() from None
            return False
        self._received += len(block)
        self._limits.check_size(self._file_name or "The upload", self._received - _AROUND_BYTES)
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise _no_form(str(error)) from error
        return True

    def on_part_begin(self) -> None:
        self._headers, self._field, self._value = {}, b"", b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = _text(options.get(b"filename", b""))
        if not name:
            return
        if self._state is not _State.BEFORE:
            raise _second_file(self._file_name, name)
        self._file_name, self._state = name[-_LONGEST_NAME:], _State.INSIDE

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._state is _State.INSIDE:
            self._waiting.append(data[start:end])

    def on_part_end(self) -> None:
        if self._state is _State.INSIDE:
            self._state = _State.AFTER


def declared_bytes(request: Request) -> int:
    """How large the body says that it is; 0 where it does not say so."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def check_declared(request: Request, limits: Limits) -> None:
    """Raises a 413 problem for a body that is larger than any file and the form around it."""
    limits.check_size("The upload", max(0, declared_bytes(request) - _AROUND_BYTES))


def _parser(request: Request, part: FilePart) -> MultipartParser:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise _no_form("the content type is not multipart/form-data with a boundary")
    try:
        return MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": part.on_part_begin,
                "on_header_field": part.on_header_field,
                "on_header_value": part.on_header_value,
                "on_header_end": part.on_header_end,
                "on_headers_finished": part.on_headers_finished,
                "on_part_data": part.on_part_data,
                "on_part_end": part.on_part_end,
            },
        )
    except FormParserError as error:
        raise _no_form(str(error)) from error


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _no_file() -> RequestValidationError:
    fault = {"type": "missing", "loc": ("body", "file"), "msg": "Field required: a part with a file name"}
    return RequestValidationError([{**fault, "input": None}])


def _no_form(fault: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The body is no form with a file",
        detail=f"The body cannot be read as multipart/form-data: {fault}.",
        recovery=["Send the CSV file as the field 'file' of a multipart/form-data body."],
    )


def _second_file(first: str, second: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="A forecast job takes one file",
        detail=f"After {first!r} the body has another file, {second!r}.",
        recovery=["Send one file.", "For several, upload each and make a session of them."],
    )


def _broken_off() -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The body was broken off",
        detail="The connection ended, or nothing came any more, before the file was whole; nothing of it was kept.",
        recovery=["Send the file again.", "Over a bad connection, upload it in chunks or by tus and make a session."],
        status=408,
    )
