"""How far ahead, from how far back, and which windows train, validate and test: as much as the data has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from services.upload.choices.choice import ASKED, Chosen
from services.upload.choices.seasons import Season
from services.upload.choices.steps import describe
from services.upload.choices.windows import Lengths, Windows, steps_needed
from services.upload.choices.wishes import Wishes
from shared.problems import Category, ProblemError
from shared.series.advice import Remedy, Setting, described, greatest, sentence
from shared.series.configuration import MAX_STEPS, Split
from shared.series.configuration_fields import LONGEST_HOURS

WindowsOf = Callable[[int, int], Windows]
"""The windows with so many input steps and such a horizon."""

_LONGEST_HORIZON = 288
_LONGEST_INPUT = 336
_WITHOUT_SEASON = 24
_USUAL = Split()
_SHORT = Split(train=0.8, validation=0.0, test=0.2)


@dataclass(frozen=True, slots=True)
class Room:
    """What a shortage is explained with: whose data, and how many steps it has."""

    columns: str
    step_minutes: float
    steps: int
    first: str
    last: str


def choose_lengths(season: Season, windows_of: WindowsOf, room: Room, wishes: Wishes) -> Chosen[Lengths]:
    """The longest of the sensible lengths that leaves enough windows. Raises INSUFFICIENT_DATA when none does."""
    tried = list(_possible(season, room, wishes))
    for lengths in tried:
        if windows_of(lengths.input, lengths.horizon).suffice(lengths):
            return Chosen(lengths, _room_words(lengths, tried[0], wishes))
    windows = len(windows_of(tried[-1].input, tried[-1].horizon).numbers)
    raise _shortage(tried[-1], windows, room, wishes, _lower_wishes(season, windows_of, room, wishes))


def _lower_wishes(season: Season, windows_of: WindowsOf, room: Room, wishes: Wishes) -> list[Remedy]:
    """For each wish that is a number of steps the largest that leaves enough windows, if there is one."""

    def suffices(**wish: int) -> bool:
        possible = _possible(season, room, wishes.model_copy(update=wish))
        return any(windows_of(one.input, one.horizon).suffice(one) for one in possible)

    found: list[Remedy] = []
    for name, shown in (("horizon", "horizon"), ("input_steps", "inputSteps")):
        wish = getattr(wishes, name)
        if wish is not None:
            most = greatest(1, wish, lambda steps, name=name: suffices(**{name: steps}))  # type: ignore[misc]
            found += [] if most is None else [[Setting(shown, wish, most)]]
    return found


def horizon_reason(season: Season, lengths: Lengths, step_minutes: float, wishes: Wishes) -> str:
    """Why the horizon is what it is."""
    if wishes.horizon is not None:
        return ASKED
    wanted = _wanted_horizon(season, step_minutes)
    if lengths.horizon < wanted:
        return f"The data has room for no more: {wanted} steps would leave too few windows."
    if not season.found:
        return f"{wanted} steps, for want of a season."
    if wanted < season.shortest:
        return f"The season of {season.shortest} steps is long; more than {wanted} are not forecast unless asked for."
    return "One season."


def input_reason(season: Season, lengths: Lengths, wishes: Wishes) -> str:
    """Why a forecast looks back so far."""
    if wishes.input_steps is not None:
        return ASKED
    if season.found and lengths.input % season.strongest == 0:
        whole = lengths.input // season.strongest
        return "One whole season back." if whole == 1 else f"{whole} whole seasons back."
    if season.found and lengths.input % season.shortest == 0:
        return f"{lengths.input // season.shortest} of the shorter seasons of {season.shortest} steps back."
    return "As far back as the data has room for." if lengths.input < lengths.horizon else "As far back as ahead."


def _possible(season: Season, room: Room, wishes: Wishes) -> Iterator[Lengths]:
    """Best first: a season is looked at, then it is validated, then the horizon is kept, as long as there is room."""
    splits = [wishes.split] if wishes.split is not None else [_USUAL, _SHORT]
    for horizon in _horizons(season, room.step_minutes, wishes):
        inputs = _inputs(season, horizon, room.step_minutes, wishes)
        whole = [steps for steps in inputs if steps >= season.shortest]
        for choices in (whole, [steps for steps in inputs if steps not in whole]):
            for split in splits:
                yield from (Lengths(steps, horizon, split) for steps in choices)


def _horizons(season: Season, step_minutes: float, wishes: Wishes) -> Sequence[int]:
    if wishes.horizon is not None:
        return [wishes.horizon]
    found = [_wanted_horizon(season, step_minutes)]
    while found[-1] > 1:
        found.append(found[-1] // 2)
    return found


def _wanted_horizon(season: Season, step_minutes: float) -> int:
    wanted = season.shortest if season.found else _WITHOUT_SEASON
    return max(1, min(wanted, _LONGEST_HORIZON, _longest(step_minutes)))


def _inputs(season: Season, horizon: int, step_minutes: float, wishes: Wishes) -> Sequence[int]:
    if wishes.input_steps is not None:
        return [wishes.input_steps]
    longest = min(_LONGEST_INPUT, _longest(step_minutes))
    wanted = [season.strongest, 2 * season.shortest, season.shortest] if season.found else []
    wanted += [max(horizon, 2), max(horizon // 2, 2)]
    return sorted({min(count, longest) for count in wanted if count >= min(horizon, 2)}, reverse=True)


def _longest(step_minutes: float) -> int:
    """What the configuration's bounds on hours and steps allow."""
    return max(1, min(MAX_STEPS, int(LONGEST_HOURS * 60 / step_minutes) - 1))


def _room_words(lengths: Lengths, first: Lengths, wishes: Wishes) -> str:
    """Why the windows are split like that."""
    if wishes.split is not None:
        return ASKED
    if lengths.split == first.split:
        return "The first 70 % train, the next 20 % validate, the newest 10 % test."
    return "The series is short: nothing is kept apart to validate with, the newest 20 % test."


def _shortage(lengths: Lengths, windows: int, room: Room, wishes: Wishes, ways: list[Remedy]) -> ProblemError:
    """The least that was tried, what there is, and what would be enough."""
    needed = steps_needed(lengths)
    fixed = [
        name
        for name, wish in (("horizon", wishes.horizon), ("inputSteps", wishes.input_steps), ("split", wishes.split))
        if wish is not None
    ]
    recovery = [sentence(way) for way in ways]
    if fixed:
        recovery.append(f"Leave out {' and '.join(fixed)}: what the data has room for is chosen then.")
    if needed is None:
        enough = "no amount of data would be enough"
    else:
        enough = f"{needed} steps without long gaps are needed"
        recovery.append(f"Upload at least {needed} steps without long gaps: {describe(needed * room.step_minutes)}.")
        if room.steps >= needed:
            recovery.append("Gaps break windows: ask for a larger maxGapMinutes or stepMinutes.")
    return ProblemError(
        Category.INSUFFICIENT_DATA,
        title="Not enough data points",
        detail=f"{room.columns}: there are values at {room.steps} steps of {describe(room.step_minutes)}, from "
        f"{room.first} to {room.last}. They make {windows} windows of {lengths.input} steps to look at and "
        f"{lengths.horizon} to forecast; {enough}.",
        recovery=recovery,
        technical_details={
            "steps": room.steps,
            "steps_needed": needed,
            "windows": windows,
            "input_steps": lengths.input,
            "horizon": lengths.horizon,
            "step_minutes": room.step_minutes,
            "changes": described(ways),
        },
    )
