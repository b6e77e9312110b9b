"""`python -m snode` is the command `snode`.  Source: this package."""

import sys

from snode.cli import main

if __name__ == "__main__":
    sys.exit(main())
