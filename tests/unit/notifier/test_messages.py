"""Every event reaches its session's one room, with its number."""

from __future__ import annotations

from typing import Any, get_args
from uuid import uuid4

import pytest

from services.notifier.messages import (
    PHASES,
    event_message,
    is_told,
    phase_message,
    progress_message,
    room_of,
    room_of_message,
)
from shared.events.catalogue import CATALOGUE, Kind
from shared.events.envelope import Envelope, event_type
from shared.events.payloads import Progress, UploadProgress
from tests.payloads import example

NUMBERED = [definition for definition in CATALOGUE.values() if definition.numbered]


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


@pytest.mark.parametrize("phase", get_args(Progress.model_fields["phase"].annotation))
def test_progress_of_every_phase_has_a_message(phase: str) -> None:
    data = {"session_id": "s", "phase": phase, "progress": 50.0, "model": "SVR"}
    message = progress_message(Envelope(source="/t", type=event_type("progress"), subject="s", data=data))
    assert message.data["phase"] == phase
    expected = {"upload": "upload_progress", "analysis": "upload_progress"} | dict.fromkeys(
        ("windowing", "scaling", "datasets"), "dataset_generation_progress"
    )
    assert message.event == expected.get(phase, "training_progress")


def test_a_dataset_that_is_stored_is_no_training() -> None:
    data = {"session_id": "s", "phase": "storing", "progress": 95.0, "job_id": str(uuid4())}
    message = progress_message(Envelope(source="/t", type=event_type("progress"), subject="s", data=data))
    assert message.event == "dataset_generation_progress"


def test_the_phases_are_those_that_are_sent_in_their_order() -> None:
    assert PHASES == ("upload", "analysis", "windowing", "scaling", "training", "evaluation", "storing")
    started = Envelope(
        source="/t",
        type=event_type("training.started"),
        subject="s",
        data={"session_id": "s", "run_id": "r", "jobs": []},
    )
    data = event_message(started).data
    assert (data["phase"], data["phases"], data["index"]) == ("training", list(PHASES), 4)


def test_a_file_without_a_session_has_a_message_of_its_own() -> None:
    told = UploadProgress(upload_id="u", file_name="a.csv", phase="analysis", progress=70.0, eta_seconds=3.0)
    envelope = Envelope(source="/t", type=event_type("upload.progress"), subject="u", data=told.model_dump(mode="json"))
    message = progress_message(envelope)
    assert message.event == "upload_progress"
    assert message.data == {
        **{"upload_id": "u", "file_name": "a.csv", "phase": "analysis", "progress": 70.0, "eta_seconds": 3.0},
        **{"message": None, "session_id": None, "sequence": None, "time": envelope.time.isoformat()},
    }


def test_an_upload_has_a_room_among_its_users_own() -> None:
    data = {"upload_id": "u", "file_name": "a.csv", "phase": "analysis", "progress": 70.0}
    envelope = Envelope(source="/t", type=event_type("upload.progress"), subject="u", userid="me", data=data)
    assert room_of_message(envelope) == "upload:me:u"
    assert room_of_message(envelope.model_copy(update={"userid": "you"})) == "upload:you:u"
    data = {"session_id": "u", "phase": "training", "progress": 70.0}
    in_session = envelope.model_copy(update={"type": event_type("progress"), "data": data})
    assert room_of_message(in_session) == "session:u"


def test_an_event_that_only_a_newer_service_knows_leaves_no_hole_in_the_numbers() -> None:
    envelope = Envelope(source="/t", type=event_type("model.admired"), subject="s", sequence="8", data={})
    message = event_message(envelope)
    assert (message.event, message.data["sequence"], message.data["name"]) == ("event", 8, "model.admired")


def test_a_phase_of_an_older_worker_is_understood() -> None:
    data = {"session_id": "s", "phase": "datasets", "progress": 10.0}
    envelope = Envelope(source="/t", type=event_type("progress"), subject="s", data=data)
    assert phase_message(envelope).data["phase"] == "windowing"
    assert progress_message(envelope).event == "dataset_generation_progress"


def test_every_event_that_takes_a_number_is_an_event() -> None:
    assert {definition.kind for definition in NUMBERED} == {Kind.EVENT}


def test_f79_an_event_without_a_field_that_is_told_leaves_no_hole_and_holds_nothing_up() -> None:
    data = {"session_id": "s", "dataset_count": 1}
    envelope = Envelope(
        source="/test", type=event_type("datasets.generated"), subject="s", sequence="7".zfill(20), data=data
    )
    message = event_message(envelope)
    assert (message.event, message.data["name"], message.data["sequence"]) == ("event", "datasets.generated", 7)


def test_a_phase_of_a_newer_worker_is_not_told() -> None:
    data = {"session_id": "s", "phase": "dreaming", "progress": 1}
    envelope = Envelope(source="/test", type=event_type("progress"), subject="s", data=data)
    assert not is_told(envelope)
    assert is_told(envelope.model_copy(update={"data": {**data, "phase": "training"}}))
