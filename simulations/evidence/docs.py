"""Pages of the API from the docstrings, by pdoc: `python -m simulations.evidence.docs OUT`.

A module whose library is not installed here (a GPU's, another trainer's) is left out, and named on stderr.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path

PACKAGES = ("theory", "simulations", "figures", "sae_recovery")
RUNS = "__main__"  # importing such a module is running it


def modules(package: str) -> list[str]:
    """Return the names of a package and of all that is in it."""
    found = importlib.import_module(package)
    walked = pkgutil.walk_packages(found.__path__, f"{package}.", onerror=lambda _: None)
    return [package, *(each.name for each in walked if not each.name.endswith(RUNS))]


def importable(name: str) -> bool:
    """Return whether a module can be imported here; where a library is missing, say so."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"{name} is left out: {error}", file=sys.stderr)
        return False
    return True


def listed(text: str) -> str:
    """Return a docstring in which lines "name: what it is", and what is indented below them, are a list of Markdown.

    >>> listed("Two:\\na: one\\nb: two,\\n  or more\\nBoth: yes")
    'Two:\\n\\n- `a`: one\\n- `b`: two,\\n  or more\\n\\nBoth: yes'
    """
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        item = re.fullmatch(r" *([a-z_]\w*): (\S.*)", line)
        within = bool(item) or (inside and line.startswith(" ") and bool(line.strip()))
        if within != inside and lines and lines[-1] and line.strip():
            lines.append("")
        inside = within
        below = f"  {line.strip()}" if inside else line
        lines.append(f"- `{item[1]}`: {item[2]}" if item else below)
    return "\n".join(lines)


def write(out: Path) -> list[str]:
    """Write the pages into a folder and return the modules that they tell of."""
    import pdoc
    import pdoc.docstrings

    convert = pdoc.docstrings.convert
    setattr(pdoc.docstrings, "convert", lambda text, *more: convert(listed(text), *more))  # noqa: B010 - it is cached
    names = [name for package in PACKAGES for name in modules(package)]
    told = [name for name in names if importable(name)]
    pdoc.render.configure(docformat="markdown", show_source=False)
    # Of a package all modules are taken but those named with a mark.
    left = [f"!{name}" for name in names if name not in told]
    left += [f"!{package}.*{RUNS}" for package in PACKAGES]
    pdoc.pdoc(*PACKAGES, *left, output_directory=out)
    return told


if __name__ == "__main__":
    print(f"{len(write(Path(sys.argv[1])))} modules in {sys.argv[1]}")
