"""Reads one CSV file in a process of its own, by Foretide or by pandas, and says what it took.

python -m benchmarks.upload_reading foretide|pandas FILE
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path


def by_foretide(path: Path) -> float:
    """Seconds for the analysis and the canonical copy."""
    from shared.analysis.analyse import analyse_file

    with tempfile.TemporaryDirectory(prefix="foretide-benchmark-") as folder:
        began = time.perf_counter()
        analyse_file(path, file_name=path.name, parquet_path=Path(folder, "canonical.parquet"))
        return time.perf_counter() - began


def by_pandas(path: Path) -> float:
    """Seconds for ``read_csv`` as it comes: times stay texts, nothing is analysed or written."""
    import pandas

    began = time.perf_counter()
    pandas.read_csv(path)
    return time.perf_counter() - began


def main() -> None:
    """Print seconds and the process' peak memory, in mebibytes, as JSON."""
    seconds = {"foretide": by_foretide, "pandas": by_pandas}[sys.argv[1]](Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main()
