"""Make the demo's two files from the published data set: ``python -m foretide.demo.make_data SOURCE.csv FOLDER``."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import polars as pl

_FIRST, _END = datetime(2017, 1, 1), datetime(2017, 5, 1)
_POWER = ["Zone1", "Zone2", "Zone3"]
_WEATHER = {
    "Temperature": "Temperature",
    "Humidity": "Humidity",
    "Wind Speed": "Wind Speed",
    "general diffuse flows": "General diffuse flows",
    "diffuse flows": "Diffuse flows",
}


def make_data(source: Path, folder: Path) -> None:
    """Write both files to ``folder``: power every 10 minutes to 0.1 kW, weather at full hours, January to April."""
    rows = (
        pl.read_csv(source)
        .with_columns(pl.col("Date").str.to_datetime("%m/%d/%y %H:%M"))
        .filter(pl.col("Date").is_between(_FIRST, _END, closed="left"))
    )
    time = pl.col("Date").dt.strftime("%Y-%m-%d %H:%M").alias("time")
    rows.select(time, pl.col(_POWER).round(1)).write_csv(folder / "tetouan_power_10min.csv")
    on_the_hour = rows.filter(pl.col("Date").dt.minute() == 0)
    on_the_hour.select(time, *(pl.col(old).alias(new) for old, new in _WEATHER.items())).write_csv(
        folder / "tetouan_weather_hourly.csv"
    )


if __name__ == "__main__":
    make_data(Path(sys.argv[1]), Path(sys.argv[2]))
