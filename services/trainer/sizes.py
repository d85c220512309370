"""Whether a model can be trained at all: checked when a run is asked for, and again by the job."""

from __future__ import annotations

from typing import Any

from services.trainer.lowering import remedies
from shared.problems import Category, ProblemError
from shared.series.advice import Remedy, Setting, described, greatest, rounded_down, sentence
from shared.series.parameters.base import MAX_ACTIVATIONS, MAX_WEIGHTS, ModelParameters, Shape


def check_sizes(parameters: ModelParameters, inputs: Shape, outputs: Shape, windows: int) -> None:
    """For windows (I, F_in) to (O, F_out), of which ``windows`` are trained on.

    Raises DATA_VALIDATION where the kind cannot work for these shapes, and RESOURCE_EXHAUSTION where the model would
    be larger than any machine here can hold; of an ensemble, where this is so for all members, or for those together
    that are kept.
    """
    problems: list[ProblemError] = []
    usable = []
    for one in parameters.alternatives():
        try:
            _check(one, inputs, outputs, windows)
            usable.append(one.weights(inputs, outputs))
        except ProblemError as error:
            problems.append(error)
    if usable:
        return _check_together(sorted(usable)[-parameters.held_together :])
    first = problems[0]
    if len(problems) == 1:
        raise first
    raise ProblemError(
        first.problem.category,
        title="No member of the ensemble can be trained",
        detail=f"{parameters.kind}: {' '.join(error.problem.detail for error in problems)}",
        recovery=[
            f"Member {number} ({member.kind}): {step}"
            for number, (member, error) in enumerate(zip(parameters.alternatives(), problems, strict=True), 1)
            for step in error.problem.recovery[:1]
        ],
        technical_details={"members": [error.problem.technical_details for error in problems]},
        status=first.problem.status,
    )


def _check_together(weights: list[int]) -> None:
    if sum(weights) <= MAX_WEIGHTS:
        return
    kept = len(weights)
    while sum(weights[len(weights) - kept :]) > MAX_WEIGHTS:
        kept -= 1
    remedy = [Setting("size", len(weights), kept)]
    raise _too_large(
        f"The {len(weights)} largest members would have about {sum(weights)} weights together; at most "
        f"{MAX_WEIGHTS} are taken.",
        [remedy],
        {"weights": sum(weights), "most_weights": MAX_WEIGHTS},
    )


def _check(parameters: ModelParameters, inputs: Shape, outputs: Shape, windows: int) -> None:
    refusal = parameters.refusal(inputs, outputs)
    if refusal is not None:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The model does not fit the data",
            detail=f"{parameters.kind} cannot be trained on windows of {inputs[0]} x {inputs[1]} to "
            f"{outputs[0]} x {outputs[1]} values: {refusal}.",
            recovery=["Choose another model.", "Change time_steps or the series to what it needs."],
        )
    weights, values = _sizes(parameters, inputs, outputs, windows)
    if weights > MAX_WEIGHTS:
        detail = f"{parameters.kind} would have about {weights} weights; at most {MAX_WEIGHTS} are taken."
    elif values > MAX_ACTIVATIONS:
        detail = (
            f"{parameters.kind} would hold about {values} numbers for one batch; at most {MAX_ACTIVATIONS} are taken."
        )
    else:
        return
    raise _too_large(
        detail,
        [
            *remedies(parameters, lambda smaller: _fits(smaller, inputs, outputs, windows)),
            *_fewer_steps(parameters, inputs, outputs, windows),
        ],
        {
            "weights": weights,
            "most_weights": MAX_WEIGHTS,
            "values_of_a_batch": values,
            "most_values_of_a_batch": MAX_ACTIVATIONS,
        },
    )


def _sizes(parameters: ModelParameters, inputs: Shape, outputs: Shape, windows: int) -> tuple[int, int]:
    return parameters.weights(inputs, outputs), parameters.batch(windows) * parameters.activations(inputs, outputs)


def _fits(parameters: ModelParameters, inputs: Shape, outputs: Shape, windows: int) -> bool:
    weights, values = _sizes(parameters, inputs, outputs, windows)
    return weights <= MAX_WEIGHTS and values <= MAX_ACTIVATIONS


def _fewer_steps(parameters: ModelParameters, inputs: Shape, outputs: Shape, windows: int) -> list[Remedy]:
    """A shorter window, where the kind works on one."""
    steps, columns = inputs
    found = greatest(1, steps, lambda count: _fits(parameters, (count, columns), outputs, windows))
    if found is None or parameters.refusal((rounded_down(found), columns), outputs) is not None:
        return []
    return [[Setting("time_steps.input", steps, rounded_down(found))]]


def _too_large(detail: str, ways: list[Remedy], sizes: dict[str, Any]) -> ProblemError:
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="The model would be too large",
        detail=detail,
        recovery=[*(sentence(way) for way in ways), "Or use fewer series and time features."],
        technical_details={**sizes, "changes": described(ways)},
        status=422,
    )
