"""A thousand ways to spoil a CSV file, the same each time: what real exports, disks and people do to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Table:
    """A whole file before anything happened to it."""

    encoding: str
    delimiter: str
    decimal_mark: str
    times: list[str]
    values: list[list[float]]

    def header(self) -> str:
        return self.delimiter.join(["time", *(f"load {n} °C" for n in range(len(self.values[0])))])

    def row(self, index: int) -> str:
        numbers = (str(value).replace(".", self.decimal_mark) for value in self.values[index])
        return self.delimiter.join([self.times[index], *numbers])

    def lines(self) -> list[str]:
        return [self.header(), *map(self.row, range(len(self.times)))]

    def encoded(self, lines: list[str]) -> bytes:
        return ("\n".join(lines) + "\n").encode(self.encoding, errors="replace")


@dataclass(frozen=True)
class Spoiled:
    """A damaged file. ``line`` is where a refusal must point, if there can only be one place; ``untouched`` are the
    rows that a reading, if there is one, must have as they were."""

    damage: str
    data: bytes
    table: Table
    untouched: range = field(default=range(0))
    line: int | None = None
    must_refuse: bool = False


Damage = Callable[[random.Random, Table], Spoiled]


def make_table(random: random.Random) -> Table:
    delimiter = random.choice(",;\t|")
    time_format = random.choice(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"])
    rows, columns = random.randint(15, 60), random.randint(1, 4)
    start = datetime(2024, 1, 13)
    return Table(
        encoding=random.choice(["utf-8", "utf-8-sig", "utf-16", "windows-1252"]),
        delimiter=delimiter,
        decimal_mark="." if delimiter == "," else random.choice(".,"),
        times=[(start + timedelta(hours=row)).strftime(time_format) for row in range(rows)],
        values=[[round(random.uniform(-99, 99), 2) + 0.001 for _ in range(columns)] for _ in range(rows)],
    )


def truncated(random: random.Random, table: Table) -> Spoiled:
    whole = table.encoded(table.lines())
    data = whole[: random.randrange(len(whole))]
    complete = data.decode(table.encoding, errors="ignore").count("\n")
    return Spoiled("truncated", data, table, untouched=range(max(0, complete - 1)))


def bytes_of_another_encoding(random: random.Random, table: Table) -> Spoiled:
    lines = [f"{line}{table.delimiter}°C" for line in table.lines()]
    at = random.randrange(5, len(lines))
    odd = random.choice([b"\xb0", b"\xff\xfe", b"\xc3(", b"\xe2\x82", b"\xf0\x9f"])
    data = b"".join(
        line.encode("utf-8").replace("°".encode(), odd) + b"\n" if place == at else line.encode("utf-8") + b"\n"
        for place, line in enumerate(lines)
    )
    return Spoiled("bytes of another encoding", data, table, line=at + 1, must_refuse=True)


def two_encodings(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    first, second = random.sample(["utf-8", "utf-16-le", "utf-16-be", "windows-1252"], 2)
    data = ("\n".join(lines[:at]) + "\n").encode(first) + ("\n".join(lines[at:]) + "\n").encode(second)
    return Spoiled("two encodings", data, table)


def row_with_more_cells(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    lines[at] += table.delimiter + "7" * random.randint(1, 3) + (table.delimiter + "x") * random.randint(0, 3)
    return Spoiled("a row with more cells", table.encoded(lines), table, line=at + 1, must_refuse=True)


def row_with_fewer_cells(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    lines[at] = table.delimiter.join(lines[at].split(table.delimiter)[:-1])
    return Spoiled("a row with fewer cells", table.encoded(lines), table, line=at + 1, must_refuse=True)


def every_row_different(random: random.Random, table: Table) -> Spoiled:
    lines = [line + table.delimiter * random.randint(0, 5) for line in table.lines()]
    return Spoiled("ragged all over", table.encoded(lines), table)


def nul_bytes(random: random.Random, table: Table) -> Spoiled:
    data = table.encoded(table.lines())
    at = random.randrange(len(data))
    return Spoiled("NUL bytes", data[:at] + b"\0" * random.randint(1, 50) + data[at:], table, must_refuse=True)


def open_quote(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    cells = lines[at].split(table.delimiter)
    place = random.randrange(len(cells))
    cells[place] = '"' + cells[place]
    lines[at] = table.delimiter.join(cells)
    return Spoiled("a quote that is never closed", table.encoded(lines), table, line=at + 1, must_refuse=True)


def stray_quotes(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    for at in random.sample(range(1, len(lines)), 3):
        place = random.randrange(len(lines[at]))
        lines[at] = lines[at][:place] + '"' + lines[at][place:]
    return Spoiled("stray quotes", table.encoded(lines), table)


def another_delimiter(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    other = random.choice([delimiter for delimiter in ";\t|" if delimiter != table.delimiter])
    lines[at:] = [line.replace(table.delimiter, other) for line in lines[at:]]
    return Spoiled("another delimiter from here on", table.encoded(lines), table, must_refuse=at > 1)


def another_time_format(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    odd = random.choice(
        ["31.02.2024", "2024-13-45", "yesterday", "24:61", "1e9", "2024", "13.01.9999 00:00", "01/15/24"]
    )
    lines[at] = table.delimiter.join([odd, *lines[at].split(table.delimiter)[1:]])
    return Spoiled("a time that is none", table.encoded(lines), table, line=at + 1, must_refuse=True)


def letters_for_numbers(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    odd = random.choice(["12O4", "1.234.567", "#REF!", "inf", "1e999", "--5", "=1+1", "12 kW", "½"])
    spoiled = random.sample(range(1, len(lines)), max(2, len(lines) // 5))
    for at in spoiled:
        lines[at] = table.delimiter.join([*lines[at].split(table.delimiter)[:-1], odd])
    return Spoiled("letters for numbers", table.encoded(lines), table, line=min(spoiled) + 1, must_refuse=True)


def two_files_in_one(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    data = table.encoded(lines + lines)
    return Spoiled("two files in one", data, table, line=len(lines) + 1 if table.encoding != "utf-8-sig" else None)


def shuffled(random: random.Random, table: Table) -> Spoiled:
    data = bytearray(table.encoded(table.lines()))
    for _ in range(random.randint(1, 40)):
        data[random.randrange(len(data))] = random.randrange(256)
    return Spoiled("random bytes here and there", bytes(data), table)


def noise(random: random.Random, table: Table) -> Spoiled:
    return Spoiled("noise", random.randbytes(random.randint(1, 3000)), table, must_refuse=True)


def noisy_text(random: random.Random, table: Table) -> Spoiled:
    text = "".join(random.choices('0123456789.,;:-\t|"\n\r aeN/', k=random.randint(1, 2000)))
    return Spoiled("noise of the right characters", text.encode(), table)


def other_lines_ends(random: random.Random, table: Table) -> Spoiled:
    text = "".join(line + random.choice(["\n", "\r\n"]) for line in table.lines())
    return Spoiled("mixed line ends", text.encode(table.encoding), table, untouched=range(len(table.times)))


def blank_lines(random: random.Random, table: Table) -> Spoiled:
    lines = [line for row in table.lines() for line in [row, *[""] * random.choice([0, 0, 0, 3])]]
    return Spoiled("blank lines", table.encoded(lines), table, untouched=range(len(table.times)))


def long_cell(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    filler = random.choice(["x", "9", "°", '""', " "]) * random.choice([2_000, 70_000, 140_000])
    lines[at] = table.delimiter.join([*lines[at].split(table.delimiter)[:-1], f'"{filler}"'])
    return Spoiled("a very long cell", table.encoded(lines), table)


def long_line(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(len(lines) + 1)
    lines.insert(at, random.choice(["x", "1,", "; ", "a\t", '"']) * (10_000_000 // 2))
    return Spoiled("a line of ten megabytes", table.encoded(lines), table, must_refuse=True)


def many_columns(random: random.Random, table: Table) -> Spoiled:
    width = random.choice([1_999, 2_000, 2_001, 20_000])
    lines = [table.delimiter.join([time, *["1"] * width]) for time in table.times[:3]]
    return Spoiled("many columns", table.encoded(lines), table, must_refuse=width >= 2_000)


def header_alone(random: random.Random, table: Table) -> Spoiled:
    lines = [table.header(), *[""] * random.randint(0, 3)]
    return Spoiled("a header alone", table.encoded(lines), table, must_refuse=True)


def header_of_another_width(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    lines[0] += table.delimiter + "more" + table.delimiter + "and more"
    return Spoiled("a header of another width", table.encoded(lines), table, line=1, must_refuse=True)


def control_characters(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    lines[at] += chr(random.choice([1, 7, 8, 11, 12, 26, 27, 127]))
    return Spoiled("a control character", table.encoded(lines), table)


def mark_in_the_middle(random: random.Random, table: Table) -> Spoiled:
    lines = table.lines()
    at = random.randrange(1, len(lines))
    lines[at] = "\ufeff" + lines[at]
    return Spoiled("a byte order mark in the middle", ("\n".join(lines)).encode(), table, line=at + 1, must_refuse=True)


def reports_around_it(random: random.Random, table: Table) -> Spoiled:
    lines = ["Report of the grid operator", "", *table.lines(), "", "Sum of all values: 17", "-- end --"]
    return Spoiled("text before and after", table.encoded(lines), table)


DAMAGES: tuple[Damage, ...] = (
    truncated,
    bytes_of_another_encoding,
    two_encodings,
    row_with_more_cells,
    row_with_fewer_cells,
    every_row_different,
    nul_bytes,
    open_quote,
    stray_quotes,
    another_delimiter,
    another_time_format,
    letters_for_numbers,
    two_files_in_one,
    shuffled,
    noise,
    noisy_text,
    other_lines_ends,
    blank_lines,
    long_cell,
    long_line,
    many_columns,
    header_alone,
    header_of_another_width,
    control_characters,
    mark_in_the_middle,
    reports_around_it,
)


def spoiled(seed: int) -> Spoiled:
    """The same file for the same seed; the kinds of damage take turns."""
    dice = random.Random(seed)
    return DAMAGES[seed % len(DAMAGES)](dice, make_table(dice))
