"""``python -m kws_app.training``: the same as ``kws-train``, for launchers that want a module."""

import sys

from kws_app.training.cli import main

sys.exit(main())
