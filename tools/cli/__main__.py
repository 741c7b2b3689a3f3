"""``python -m tools.cli`` is the command ``nnhal``."""

import sys

from tools.cli import main

sys.exit(main())
