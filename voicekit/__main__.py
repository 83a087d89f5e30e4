"""``python -m voicekit`` is the ``voicekit`` command."""

import sys

from voicekit._cli import main

sys.exit(main())
