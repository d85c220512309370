"""Whether a model can be trained at all: checked when a run is asked for, and again by the job."""

from __future__ import annotations

from shared.problems import Category, ProblemError
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
        recovery=first.problem.recovery,
        status=first.problem.status,
    )


def _check_together(weights: list[int]) -> None:
    if sum(weights) > MAX_WEIGHTS:
        raise _too_large(
            f"The {len(weights)} largest members would have about {sum(weights)} weights together; at most "
            f"{MAX_WEIGHTS} are taken. Keep fewer (size), or choose smaller ones."
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
    weights = parameters.weights(inputs, outputs)
    if weights > MAX_WEIGHTS:
        raise _too_large(f"{parameters.kind} would have about {weights} weights; at most {MAX_WEIGHTS} are taken.")
    values = parameters.batch(windows) * parameters.activations(inputs, outputs)
    if values > MAX_ACTIVATIONS:
        raise _too_large(
            f"{parameters.kind} would hold about {values} numbers for one batch; at most {MAX_ACTIVATIONS} are taken."
        )


def _too_large(detail: str) -> ProblemError:
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="The model would be too large",
        detail=detail,
        recovery=[
            "Use fewer layers or units, a smaller batch_size or max_samples.",
            "Use fewer time steps or features.",
        ],
        status=422,
    )
