"""The face of the suite, also from a checkout that is not installed."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("sae_recovery") is None:
    sys.path.insert(0, str(Path(__file__).parents[2] / "simulations" / "face"))
