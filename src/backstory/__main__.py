"""``python -m backstory`` is the command ``backstory``."""

from __future__ import annotations

import sys

from backstory.cli import main

if __name__ == "__main__":
    sys.exit(main())
