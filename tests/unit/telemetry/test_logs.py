"""One line per event, whoever logs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PROGRAM = """
import logging
from shared.telemetry.logs import configure_logging, logger
from shared.telemetry.trace import continue_trace
configure_logging("test")
configure_logging("test")
with continue_trace(None):
    logger("a").info("job claimed", job_id="7")
logging.getLogger("library").warning("said by a library")
logging.getLogger("uvicorn.error").info("said by the server")
logging.getLogger("aiormq").info("chatter")
try:
    raise ValueError("broken")
except ValueError:
    logger("a").exception("it broke")
"""


def test_f88_every_event_is_one_line_of_json_and_said_once() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    events = [line["event"] for line in lines]
    assert events == ["job claimed", "said by a library", "said by the server", "it broke"]
    assert (lines[0]["job_id"], lines[0]["service"], len(lines[0]["trace_id"])) == ("7", "test", 32)
    assert "ValueError: broken" in lines[3]["exception"], "a traceback is part of its line"
