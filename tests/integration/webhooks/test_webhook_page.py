"""The receivers of docs/webhooks.md are run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.integration.webhooks.conftest import HOOKS, Owner
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.integration

NODE = Path(sys.executable).parent / "node"
PAGE = Path(__file__).parents[3] / "docs" / "webhooks.md"


def program(language: str) -> str:
    """The page's only one in this language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found


@pytest.mark.parametrize(
    ("language", "file", "runs"), [("python", "receive.py", sys.executable), ("javascript", "receive.mjs", NODE)]
)
async def test_the_receivers_of_the_page_take_what_is_signed_and_nothing_else(
    owner: Owner, tmp_path: Path, language: str, file: str, runs: str
) -> None:
    port = free_port()
    hook = await owner.hook(f"http://127.0.0.1:{port}/")
    (tmp_path / file).write_text(program(language), encoding="utf-8")
    environment = {**os.environ, "WEBHOOK_SECRET": hook["secret"], "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        *(runs, file),
        cwd=tmp_path,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None

        async def refuses_forgeries() -> bool:
            forged = {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
            with suppress(httpx.TransportError):
                async with httpx.AsyncClient(trust_env=False) as client:
                    answer = await client.post(f"http://127.0.0.1:{port}/", content=b"{}", headers=forged)
                return answer.status_code == 401
            return False

        await until(refuses_forgeries, what="the receiver answers, and refuses what nobody has signed")
        await owner.client.post(f"{HOOKS}/{hook['webhookId']}/secret")
        await owner.event()
        [item] = await owner.ended(hook)
        assert (item["status"], item["attempts"][-1]["statusCode"]) == ("delivered", 204)
        line = (await process.stdout.readline()).decode()
        assert line.startswith(f"io.foretide.results.deleted.v1 {owner.owned.session_id} ")
    finally:
        # Node's program is a wrapper that runs Node as its child: both have to go.
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
