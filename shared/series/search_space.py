"""Which values a search may try of one model: what was asked for, and the kind's own for the rest."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError

from shared.problems import Category, ProblemError
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.search import Dimension, Range, Space, Tried

_NEVER_SEARCHED = {"kind", "seed", "search", "time_limit_seconds"}


def with_whole_space(parameters: ModelParameters) -> ModelParameters:
    """The same with every dimension in ``search.space``; parameters that the model names itself are kept as they are.

    Doing it twice is the same as once. Raises DATA_VALIDATION for an unknown parameter, for values that it cannot
    have, and where there is nothing to search.
    """
    search = parameters.search
    if search is None:
        return parameters
    space: Space = {
        name: dimension
        for name, dimension in default_space(type(parameters)).items()
        if name not in parameters.model_fields_set
    }
    for name, dimension in search.space.items():
        space[name] = _checked(parameters, name, dimension)
    if not space:
        known = ", ".join(_searchable(parameters)) or "it has no parameters"
        advice = f"Name parameters in search.space ({known}), or leave out search."
        raise _problem(parameters, "space", "there is nothing to search", advice)
    whole = search.model_copy(update={"space": dict(sorted(space.items()))})
    return parameters.model_copy(update={"search": whole})


def default_space(kind: type[ModelParameters]) -> Space:
    """What the kind's parameters are annotated with."""
    return {
        name: extra.dimension
        for name, field in kind.model_fields.items()
        for extra in field.metadata
        if isinstance(extra, Tried)
    }


def document_of(parameters: ModelParameters, asked: dict[str, Any]) -> dict[str, Any]:
    """The document of one trial: the model's with these values, and without the search."""
    return {**parameters.model_dump(mode="json", exclude={"search"}), **asked}


def largest(parameters: ModelParameters, inputs: Shape, outputs: Shape, windows: int) -> ModelParameters:
    """The most demanding model of the space: of each dimension the end that makes it larger, one after the other."""
    search = parameters.search
    assert search is not None
    largest = _with(parameters, {})

    def size(one: ModelParameters) -> tuple[int, int]:
        return one.weights(inputs, outputs), one.batch(windows) * one.activations(inputs, outputs)

    for name, dimension in search.space.items():
        candidates = [_with(largest, {name: value}) for value in dimension.ends]
        largest = max([largest, *candidates], key=size)
    return largest


def _checked(parameters: ModelParameters, name: str, dimension: Dimension) -> Dimension:
    where = f"space.{name}"
    searchable = _searchable(parameters)
    if name not in searchable:
        near = difflib.get_close_matches(name, searchable, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"It can search: {', '.join(searchable)}."
        raise _problem(parameters, where, "there is no such parameter", advice)
    if isinstance(dimension, Range):
        dimension = _typed(parameters, name, dimension)
    for value in dimension.ends:
        try:
            _with(parameters, {name: value})
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise _problem(parameters, where, f"{message} (got {value!r:.200})", f"Correct search.{where}.") from error
    return dimension


def _typed(parameters: ModelParameters, name: str, dimension: Range) -> Range:
    """Whole numbers for a whole parameter, and real ones for a real one."""
    types = set(_types(type(parameters).model_fields[name].annotation))
    if float in types:
        return Range(low=float(dimension.low), high=float(dimension.high), log=dimension.log)
    if int not in types:
        advice = 'Give {"choices": [...]}.'
        raise _problem(parameters, f"space.{name}", "it is no number, so it has no range", advice)
    return dimension


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _types(part)


def _searchable(parameters: ModelParameters) -> list[str]:
    return sorted(set(type(parameters).model_fields) - _NEVER_SEARCHED)


def _with(parameters: ModelParameters, values: dict[str, Any]) -> ModelParameters:
    """Raises pydantic's ValidationError."""
    return type(parameters).model_validate({**parameters.model_dump(exclude={"search"}), **values})


def _problem(parameters: ModelParameters, where: str, fault: str, advice: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The search's space is not right",
        detail=f"{parameters.kind}.search.{where}: {fault}.",
        recovery=[advice],
    )
