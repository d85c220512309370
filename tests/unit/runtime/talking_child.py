"""What is copied in tests: answers, or says something and then nothing for ever."""

from __future__ import annotations

import os
import time
from typing import Any

from shared.runtime.copies import Send, serve_copies


def work(specification: dict[str, Any], send: Send) -> None:
    """Do what it says."""
    send({"says": os.getpid()})
    if specification["silent"]:
        time.sleep(600)


if __name__ == "__main__":
    serve_copies(work)
