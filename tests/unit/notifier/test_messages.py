"""Every event reaches its session's one room, with its number."""

from __future__ import annotations

from typing import Any, get_args, get_origin
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from services.notifier.messages import event_message, progress_message, room_of
from shared.events.catalogue import CATALOGUE, Kind
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import Reference
from shared.problems import Category, ProblemError

NUMBERED = [definition for definition in CATALOGUE.values() if definition.numbered]
_REFERENCE = Reference(bucket="b", key="s/plots/violin.png", sha256="0" * 64, bytes=1)
_PROBLEM = ProblemError(Category.INTERNAL, title="t", detail="d").problem


def example(model: type[BaseModel]) -> dict[str, Any]:
    """A valid payload with every required field."""
    values = {name: value_of(field.annotation) for name, field in model.model_fields.items() if field.is_required()}
    return model.model_validate(values).model_dump(mode="json")


def value_of(annotation: Any) -> Any:
    if annotation is UUID:
        return uuid4()
    if annotation is Reference:
        return _REFERENCE
    if annotation is type(_PROBLEM):
        return _PROBLEM
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        return [value_of(arguments[0])]
    if origin is dict or annotation is dict:
        return {"artifact": _REFERENCE} if Reference in arguments else {}
    if arguments and str(origin) == "typing.Literal":
        return arguments[0]
    if arguments:
        return value_of(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example(annotation)
    return {str: "text", int: 1, float: 1.0, bool: True}.get(annotation, "text")


@pytest.mark.parametrize("definition", NUMBERED, ids=lambda definition: definition.name)
def test_f77_every_numbered_event_has_a_message_with_its_number(definition: Any) -> None:
    envelope = Envelope(
        source="/test",
        type=event_type(definition.name),
        subject="s",
        sequence="7",
        data={**example(definition.payload), "session_id": "s"},
    )
    message = event_message(envelope)
    assert (message.data["session_id"], message.data["sequence"]) == ("s", 7)
    assert message.data["time"] == envelope.time.isoformat()


def test_f77_one_function_names_the_room() -> None:
    assert room_of("abc") == "session:abc"


def test_the_word_that_nothing_is_left_of_a_session_takes_no_number() -> None:
    purged = Envelope(source="/t", type=event_type("session.purged"), subject="s", data={"session_id": "s"})
    message = event_message(purged)
    assert (message.event, message.data["session_id"], message.data["sequence"]) == ("session_purged", "s", None)


def test_progress_takes_no_number() -> None:
    data = {"session_id": "s", "phase": "training", "progress": 50.0}
    message = progress_message(Envelope(source="/t", type=event_type("progress"), subject="s", data=data))
    assert (message.event, message.data["sequence"], message.data["progress"]) == ("training_progress", None, 50.0)


def test_every_event_that_takes_a_number_is_an_event() -> None:
    assert {definition.kind for definition in NUMBERED} == {Kind.EVENT}
