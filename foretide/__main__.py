"""``python -m foretide``."""

from __future__ import annotations

from foretide.cli.main import main

if __name__ == "__main__":
    main()
