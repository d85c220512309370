"""``foretide up`` as its user starts, stops, kills and starts it again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from foretide.stack.servers import delete_data
from tests.integration.chain import configuration, write_series
from tests.ports import free_port
from tests.processes import living, wait_until

pytestmark = pytest.mark.integration


class Up:
    """One ``foretide up`` on a data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        output = (self.data.parent / "up.log").open("ab")
        command = [sys.executable, "-m", "foretide", "up", "--data", str(self.data), "--port", str(free_port())]
        self.process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        wait_until(lambda: (self.data / "running.json").exists(), "foretide up answers", seconds=180)

    def processes(self) -> list[int]:
        """It and everything that it started."""
        assert self.process is not None
        me = psutil.Process(self.process.pid)
        return [me.pid, *(child.pid for child in me.children(recursive=True))]

    def sessions(self) -> int:
        """How many sessions the API lists."""
        running = json.loads((self.data / "running.json").read_text())
        answer = httpx.get(
            f"{running['url']}/api/training/sessions",
            headers={"Authorization": f"Bearer {running['token']}"},
            timeout=30,
        )
        return len(answer.raise_for_status().json()["items"])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    made = Up(tmp_path_factory.mktemp("up") / "data")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.send_signal(signal.SIGINT)
        made.process.wait(120)
    asyncio.run(delete_data(made.data))


def test_ctrl_c_kill_and_a_crash_leave_no_process_and_the_next_start_goes_on(up: Up, tmp_path: Path) -> None:
    up.start()
    _train(up, tmp_path)
    for number, code in ((signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        processes = up.processes()
        assert len(processes) > 12, "servers, services and the gateway"
        assert up.process is not None
        os.kill(up.process.pid, number)
        assert up.process.wait(120) == code
        wait_until(lambda p=processes: not living(p), f"nothing is left after {number.name}", seconds=60)
        (up.data / "running.json").unlink(missing_ok=True)
        up.start()
        assert up.sessions() == 1, f"nothing is lost after {number.name}"


def _train(up: Up, folder: Path) -> None:
    """One session through the command line, with a wrong input before it."""
    files = [str(file) for file in write_series(folder, hours=24 * 10)]
    document = folder / "configuration.json"
    document.write_text(json.dumps({**configuration(), "models": [{"kind": "Linear"}]}))
    command = [sys.executable, "-m", "foretide", "train", "--config", str(document), "--data", str(up.data)]
    missing = subprocess.run([*command, str(folder / "nowhere.csv")], capture_output=True, text=True, timeout=60)
    assert missing.returncode == 1
    assert "nowhere.csv" in missing.stderr
    assert "Traceback" not in missing.stderr
    done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Linear" in done.stdout
