"""Progress bars and tables of the client commands."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from foretide.cli.console import out
from foretide.client.watch import Message


class LiveDisplay:
    """Bars for uploads, datasets and each model, fed by what the socket says."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=out,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Begin drawing."""
        self._progress.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Leave the bars as they are."""
        self._progress.stop()

    def uploading(self, file_name: str, sent: int, total: int) -> None:
        """See :class:`foretide.client.run.Display`."""
        self._set(f"upload {file_name}", 100 * sent / max(total, 1))

    def session(self, session_id: str) -> None:
        """See :class:`foretide.client.run.Display`."""
        self._progress.console.print(f"session {session_id}", highlight=False)

    def message(self, message: Message) -> None:
        """See :class:`foretide.client.run.Display`."""
        data = message.data
        match message.event:
            case "dataset_generation_progress":
                self._set("datasets", data["progress"], _left(data, data["phase"]))
            case "dataset_generation_complete":
                self._set("datasets", 100, f"{data['windows']} windows")
            case "training_progress" if data["phase"] != "storing":
                self._set(_bar(data), data["progress"], _left(data, _losses(data) or data["phase"]))
            case "model_complete":
                self._set(_bar(data), 100, f"RMSE {_number(data['metrics'].get('rmse'))}")
            case "error":
                self._progress.console.print(
                    f"[red]{data.get('model', '')} {data['problem']['title']}: {data['problem']['detail']}[/]"
                )

    def _set(self, name: str, percent: float, note: str | None = None) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=100, note="")
        fields: dict[str, Any] = {} if note is None else {"note": note}
        bar = self._progress.tasks[self._progress.task_ids.index(self._bars[name])]
        # Transient progress may arrive after the event that ends it: a bar never goes back.
        self._progress.update(self._bars[name], completed=max(percent, bar.completed), **fields)


def _bar(data: dict[str, Any]) -> str:
    return f"train {data['model']}: {data['target']}"


def _losses(data: dict[str, Any]) -> str | None:
    if data.get("epoch") is None:
        return None
    return f"epoch {data['epoch']}/{data['epochs']} loss {_number(data.get('loss'))}"


def _left(data: dict[str, Any], note: str) -> str:
    seconds = data.get("eta_seconds")
    return note if seconds is None else f"{note}, {duration(seconds)} left"


def duration(seconds: float) -> str:
    """As people say it: ``3 s``, ``2:05 min``, ``1:30 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


_HEADINGS = {"mae": "MAE", "rmse": "RMSE", "mape": "MAPE %", "mase": "MASE"}
_SHARES = {"coverage_90": "90 %"}
"""How many truths lay inside the interval that should hold 90 % of them."""


def metrics_table(results: dict[str, Any]) -> Table:
    """The comparison, best model first: in original units, beside seasonal naive."""
    table = Table(title="Models on the test part, in original units")
    table.add_column("model", no_wrap=True)
    table.add_column("target")
    names = ("mae", "rmse", "mape", "mase", "skill")
    for heading in (*(_HEADINGS.get(name, name) for name in names), *_SHARES.values(), "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in results["comparison"]:
        for target, metrics in row["targets"].items():
            numbers = [_number(metrics.get(name)) for name in names]
            shares = [_share(metrics.get(name)) for name in _SHARES]
            table.add_row(row["model"], target, *numbers, *shares, _number(row["duration_seconds"]))
    return table


def _share(value: Any) -> str:
    return f"{value:.0%}" if isinstance(value, int | float) else "-"


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
