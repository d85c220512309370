"""A configuration document, checked against the files of the session that it is for."""

from __future__ import annotations

from typing import Any

from shared.database.pool import Record, Transaction
from shared.series.configuration import Configuration, parse_configuration
from shared.series.configuration_files import FileColumns, check_against_files


def file_columns(rows: list[Record]) -> dict[str, FileColumns]:
    """What each file of a session offers, by its id, for the configuration's check."""
    return {
        str(row["id"]): FileColumns(
            file_name=row["file_name"],
            columns=[column["name"] for column in row["analysis"]["columns"]],
            numeric_columns=[c["name"] for c in row["analysis"]["columns"] if c["kind"] == "number"],
            time_column=row["analysis"]["time_column"],
        )
        for row in rows
    }


async def checked_configuration(transaction: Transaction, session_id: str, document: dict[str, Any]) -> Configuration:
    """Parse and check. Raises a problem that names the field, the column and what there is instead."""
    rows = await transaction.fetch("select * from public.training_files where session_id = $1", session_id)
    return check_against_files(parse_configuration(document), file_columns(rows))
