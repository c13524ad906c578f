"""``python -m kws_app``: the same as ``kws-app``."""

import sys

from kws_app.cli.main import main

sys.exit(main())
