"""What holds for every exchange of tus, whatever comes of it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.upload.tus.headers import VERSION

PATH = "/api/training/tus"
_RESUMABLE = (b"tus-resumable", VERSION.encode())


class TusProtocol:
    """Reads ``X-HTTP-Method-Override``, for clients that can only GET and POST, and names the version in every answer.

    Plain ASGI around the application: the method decides the route, and problems are answers, too.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection through."""
        if scope["type"] != "http" or not (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/")):
            await self._application(scope, receive, send)
            return
        override = dict(scope["headers"]).get(b"x-http-method-override")
        if override is not None:
            scope["method"] = override.decode("latin-1").upper()

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", []).append(_RESUMABLE)
            await send(message)

        await self._application(scope, receive, send_with_version)
