"""``python -m deploy.validate``: are the deployment files true?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.validate.checks import validate
from deploy.validate.kustomize import PLAIN, renderer


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.validate",
        description="Checks Dockerfile, docker-compose.yml, deploy/k8s and .env.example without Docker or a cluster, "
        "against their schemas, against each other and against the code.",
        epilog="Example: python -m deploy.validate --root .",
    )
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).resolve().parents[2],
        help="the repository (default: the one that this file is in)",
    )
    root: Path = parser.parse_args(arguments).root.resolve()
    command = renderer()
    findings = validate(root, command)
    for finding in findings:
        print(finding)
    print(f"Kustomizations were rendered by {' '.join(command) if command else PLAIN}.")
    print(f"{len(findings)} findings." if findings else "The deployment files are valid.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
