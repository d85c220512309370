"""The garbage collector of a process that holds connections."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc
from shared.runtime.collecting import collect_seldom

class Node: pass

collect_seldom()
found = []
gc.callbacks.append(lambda phase, info: phase == "stop" and found.append((info["generation"], info["collected"])))
held = [Node() for _ in range(5_000)]
print("after few:", len(found))
for _ in range(12_000):
    cycle = Node()
    cycle.itself = cycle
print("after many:", any(collected for _, collected in found), {generation for generation, _ in found} <= {0})
print("loaded is left out:", gc.get_freeze_count() > 1_000)
"""


def test_few_objects_are_not_looked_through_and_what_refers_to_itself_is_found_all_the_same() -> None:
    told = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["after few: 0", "after many: True True", "loaded is left out: True"]
