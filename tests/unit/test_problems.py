"""One module says what can go wrong; whatever goes out says what it means and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.problems import TAXONOMY, Category, Problem, ProblemError, Severity, internal_problem, problem_of
from shared.storage.errors import InvalidKey, InvalidRange

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("category", Category)
def test_every_category_has_a_title_a_message_and_what_to_do_by_itself(category: Category) -> None:
    problem = ProblemError(category).problem

    assert problem.title
    assert problem.user_message
    assert problem.recovery
    assert all(step.endswith(".") and len(step) > 5 for step in problem.recovery)
    assert 400 <= problem.status < 600
    assert problem.type == f"urn:foretide:problem:{category.value.lower().replace('_', '-')}"


@pytest.mark.parametrize(
    ("category", "severity", "title", "recovery"),
    [
        ("DATA_VALIDATION", "high", "Invalid data format", ["Check CSV format", "Verify column names"]),
        ("INSUFFICIENT_DATA", "high", "Not enough data points", ["Add more data", "Reduce time steps"]),
        ("MODEL_CONVERGENCE", "medium", "Model failed to converge", ["Adjust hyperparameters", "Try different model"]),
        ("RESOURCE_EXHAUSTION", "critical", "System resources exhausted", ["Reduce batch size", "Use fewer models"]),
    ],
)
def test_001_71_to_74_are_what_they_were(category: str, severity: str, title: str, recovery: list[str]) -> None:
    meaning = TAXONOMY[Category(category)]

    assert (meaning.severity, meaning.title) == (Severity(severity), title)
    assert [step for step, wanted in zip(meaning.recovery, recovery, strict=True) if wanted not in step] == []


def test_a_problem_that_was_written_down_without_recovery_goes_out_with_that_of_its_category() -> None:
    written = ProblemError(Category.NOT_FOUND).problem.model_dump(mode="json") | {"recovery": []}

    assert Problem.model_validate(written).recovery == list(TAXONOMY[Category.NOT_FOUND].recovery)
    del written["recovery"]
    assert Problem.model_validate(written).recovery == list(TAXONOMY[Category.NOT_FOUND].recovery)


@pytest.mark.parametrize("error", [InvalidKey("..", "is no name"), InvalidRange(5, None)])
def test_errors_with_a_class_of_their_own_say_what_to_do(error: ProblemError) -> None:
    assert error.problem.recovery != list(TAXONOMY[error.problem.category].recovery)


def test_a_border_tells_a_problem_as_it_is_and_of_anything_else_only_that_it_happened() -> None:
    known = ProblemError(Category.CONFLICT, title="Busy", detail="It runs.", recovery=["Wait."])

    assert problem_of(known, "t1") == known.problem.model_copy(update={"trace_id": "t1"})
    foreign = problem_of(ValueError("the secret is 42"), "t2")
    assert foreign == internal_problem("t2")
    assert "42" not in foreign.model_dump_json()


def test_a_problem_from_elsewhere_keeps_the_trace_in_which_it_happened() -> None:
    error = ProblemError.of(internal_problem("there"))

    assert problem_of(error, "here").trace_id == "there"


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Every place where a problem of a category is made, with its place."""
    for folder in ("foretide", "services", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                of_category = ast.unparse(node.args[0]).startswith("Category.")
                if name == "ProblemError" or (name == "__init__" and of_category):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_whatever_raises_a_problem_says_what_to_do_about_its_cause() -> None:
    places = dict(raised())
    assert len(places) > 150
    without = [
        place
        for place, call in places.items()
        if not any(
            keyword.arg == "recovery" and not (isinstance(keyword.value, ast.List) and not keyword.value.elts)
            for keyword in call.keywords
        )
        and not place.startswith("shared/problems.py")
    ]
    assert without == []


def test_every_step_that_is_written_down_begins_as_a_sentence_and_says_something() -> None:
    steps = [
        (place, element.value)
        for place, call in raised()
        for keyword in call.keywords
        if keyword.arg == "recovery" and isinstance(keyword.value, ast.List)
        for element in keyword.value.elts
        if isinstance(element, ast.Constant)
    ]
    assert len(steps) > 100
    assert [step for step in steps if not re.fullmatch(r"[A-Z`].{8,}", str(step[1]))] == []


def test_the_page_has_every_category_as_the_module_has_it() -> None:
    page = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \| (\w+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)

    assert [row[0] for row in rows] == [category.value for category in Category]
    for name, status, severity, title, client in rows:
        meaning = TAXONOMY[Category(name)]
        assert (int(status), severity, title) == (meaning.status, meaning.severity.value, meaning.title)
        assert len(client) > 20
