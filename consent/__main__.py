"""`python -m consent` is the `consent` command."""

import sys

from ._cli import main

sys.exit(main())
