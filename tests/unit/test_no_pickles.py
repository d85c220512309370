"""F48: nothing of Foretide reads or writes pickles: not by their library, not by a library's switch."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICKLING = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
SWITCHES = {"allow_pickle": True, "safe_mode": False, "trusted": True}


def _offences(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in PICKLING]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLING:
            found.append(str(node.module))
        elif isinstance(node, ast.keyword) and node.arg in SWITCHES and _is(node.value, SWITCHES[node.arg]):
            found.append(f"{node.arg}={SWITCHES[node.arg]}")
    return found


def _is(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_f48_no_pickle_crosses_a_border() -> None:
    offences = {
        str(path.relative_to(ROOT)): found
        for folder in ("foretide", "services", "shared")
        for path in (ROOT / folder).rglob("*.py")
        if (found := _offences(path.read_text(encoding="utf-8")))
    }
    assert offences == {}


def test_what_would_be_found() -> None:
    assert _offences("import joblib\nfrom pickle import loads\nnp.load(path, allow_pickle=True)") == [
        *("joblib", "pickle", "allow_pickle=True")
    ]
