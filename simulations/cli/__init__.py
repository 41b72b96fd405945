"""The command line: flags are generated from the settings; bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from simulations.cli.commands import parser
from simulations.cli.printing import show

__all__ = ["main"]
INTERRUPTED = {
    "sweep": "interrupted; finished cells are kept: go on with --resume",
    "reproduce": "interrupted; finished cells are kept: give the same command again",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0, or 2 for bad input, 1 for a run that broke off, 130 when interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = next((each for each in words if not each.startswith("-")), "")
    try:
        top = parser(name)
        if not words:
            top.print_help()
            return 0
        args, unknown = top.parse_known_args(words)
        if bare := [word for word in words if word.endswith("=--")]:  # which argparse takes for no value at all
            raise ValueError(f"{bare[0][:-3]} has no value")
        if unknown:  # the command's own parser knows the flag that was meant
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        args.command = ["sae-recovery", *words]
        show(args.run(args), args.json)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, MemoryError) as error:
        return _complain(str(error) or "out of memory", 2)
    except RuntimeError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return _complain(INTERRUPTED.get(name, "interrupted"), 130)
    return 0


def _complain(error: object, code: int) -> int:
    print("sae-recovery: error: " + " ".join(str(error).split()), file=sys.stderr)
    return code
