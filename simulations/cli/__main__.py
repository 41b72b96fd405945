"""`python -m simulations.cli`, where nothing is installed."""

import sys

from simulations.cli import main

sys.exit(main())
