"""The command line: flags are generated from the settings; bad input is one line on stderr and exit code 2."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # nothing is imported but in main: an early Ctrl-C is met there
    from collections.abc import Sequence

__all__ = ["main"]
KEPT = {
    "sweep": "; finished cells are kept: go on with --resume",
    "reproduce": "; finished cells are kept: give the same command again",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code.

    0, or 2 for bad input, 1 for a run that broke off or could not draw every figure, 130 when interrupted (Ctrl-C), 143
    when terminated (SIGTERM).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = next((each for each in words if not each.startswith("-")), "")
    try:
        from simulations.base.signals import terminable

        with terminable("terminated" + KEPT.get(name, "")):
            return _run(words, name)
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, MemoryError, OverflowError, RecursionError) as error:
        code = getattr(error, "exit_code", 2)
        return _complain((str(error) or "out of memory") + (KEPT.get(name, "") if code == 1 else ""), code)
    except RuntimeError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return _complain("interrupted" + KEPT.get(name, ""), 130)


def _run(words: list[str], name: str) -> int:
    from simulations.cli.commands import parser
    from simulations.cli.printing import show

    top = parser(name)
    if not words:
        top.print_help()
        return 0
    args, unknown = top.parse_known_args(words)
    if bare := _without_value(words):
        raise ValueError(f"{bare} has no value")
    if unknown:  # the command's own parser knows the flag that was meant
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.command = ["sae-recovery", *words]
    result = args.run(args)
    show(result, args.json)
    sys.stdout.flush()
    return 1 if result.get("not_drawn") else 0


def _without_value(words: Sequence[str]) -> str:
    """Return the first flag, or place, that was given nothing; an empty path would be here, an empty word a default.

    Such words come from shell variables that are not set.
    """
    for place, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if not word.strip():
            before = words[place - 1] if place else ""
            return before if before.startswith("--") else f"argument {place + 1}"
        if word.startswith("--") and equals and value.strip() in ("", "--"):  # which argparse takes for no value at all
            return flag
    return ""


def _complain(error: object, code: int) -> int:
    line = " ".join(str(error).split()).encode(errors="backslashreplace").decode()  # paths may be no UTF-8
    print("sae-recovery: error: " + line, file=sys.stderr)
    return code
