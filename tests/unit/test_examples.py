"""The examples stand alone: they are what somebody copies who has nothing of this repository."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

from shared.bus import topology

EXAMPLES = Path(__file__).parents[2] / "examples"
PYTHON = (EXAMPLES / "subscribe.py").read_text(encoding="utf-8")
JAVASCRIPT = (EXAMPLES / "subscribe.mjs").read_text(encoding="utf-8")


def test_the_python_example_imports_the_standard_library_and_its_requirements_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse(PYTHON)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    required = re.findall(r"^[\w-]+", (EXAMPLES / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    brought_along = {"aiormq"}  # by aio-pika
    assert imported - set(sys.stdlib_module_names) == {name.replace("-", "_") for name in required} | brought_along


def test_the_javascript_example_imports_node_and_its_dependencies_alone() -> None:
    imported = set(re.findall(r'^import .* from "([^"]+)";$', JAVASCRIPT, re.MULTILINE))
    package = json.loads((EXAMPLES / "package.json").read_text(encoding="utf-8"))
    foreign = {name.partition("/")[0] for name in imported if not name.startswith("node:")}
    assert foreign == set(package["dependencies"])
    assert "import(" not in JAVASCRIPT
    assert "require(" not in JAVASCRIPT


def test_no_name_on_the_broker_is_written_into_an_example() -> None:
    names = {exchange.name for exchange in topology.EXCHANGES} | {topology.LOG}
    for source in (PYTHON, JAVASCRIPT):
        assert [name for name in names if name in source] == []


def test_the_locked_javascript_packages_name_no_address() -> None:
    locked = json.loads((EXAMPLES / "package-lock.json").read_text(encoding="utf-8"))
    assert all("integrity" in package for name, package in locked["packages"].items() if name)
    assert not any("resolved" in package for package in locked["packages"].values())
