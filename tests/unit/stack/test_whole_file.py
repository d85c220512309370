"""Small files that other processes read while they are written."""

from __future__ import annotations

import threading
from pathlib import Path

from foretide.whole_file import write_whole


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    file = tmp_path / "running.json"
    texts = {letter * 100_000 for letter in "ab"}
    write_whole(file, "a" * 100_000)
    done = threading.Event()

    def write() -> None:
        for turn in range(300):
            write_whole(file, "ab"[turn % 2] * 100_000)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(file.read_text())
    writer.join()
    assert seen <= texts


def test_what_a_crash_left_behind_is_no_obstacle_and_a_secret_is_its_owners_only(tmp_path: Path) -> None:
    file = tmp_path / "cookie"
    (tmp_path / "cookie.new").write_text("half")
    write_whole(file, "whole", mode=0o400)
    assert file.read_text() == "whole"
    assert file.stat().st_mode & 0o777 == 0o400
    assert [entry.name for entry in tmp_path.iterdir()] == ["cookie"]
