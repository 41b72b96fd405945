"""The generated parts of the pages, so that no number in them is typed by hand.

`python -m simulations.evidence.readme` rewrites them; a test fails when they are out of date.  A part stands between
`<!-- name -->` and `<!-- end -->`, each alone on its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from simulations.base.files import replace
from simulations.evidence.sections import Part, parts

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "results/README.md", "theory/PREDICTION.md")
MARK = re.compile(r"<!-- ([\w-]+) -->")
END = "end"


def marks(text: str) -> list[str]:
    """Return the names of the generated parts of a text, in order.

    Raises ValueError for a mark without its end, an end without its mark, or a name that occurs twice.
    """
    found: list[str] = []
    open_mark = ""
    for line in text.splitlines():
        name = match[1] if (match := MARK.fullmatch(line.strip())) else ""
        if name == END and not open_mark:
            raise ValueError(f"<!-- {END} --> without a mark before it")
        if name and name != END and open_mark:
            raise ValueError(f"<!-- {open_mark} --> has no <!-- {END} --> before <!-- {name} -->")
        if name in found:
            raise ValueError(f"<!-- {name} --> occurs twice")
        if name:
            open_mark = "" if name == END else name
            found += [open_mark] * bool(open_mark)
    if open_mark:
        raise ValueError(f"<!-- {open_mark} --> has no <!-- {END} -->")
    return found


def rewrite(text: str, parts: Mapping[str, str | Part]) -> str:
    """Return the text with its marked parts replaced; only the parts that it has are made, the rest is as it was.

    Raises ValueError for marks that do not match, and for one of no known part, before anything is made.
    """
    for name in (names := marks(text)):
        if name not in parts:
            raise ValueError(f"<!-- {name} --> is no part; there are {', '.join(sorted(parts))}")
    made = {name: part if isinstance(part := parts[name], str) else part() for name in names}
    lines: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        match = MARK.fullmatch(line.strip())
        if match and match[1] == END:
            inside = False
        if not inside:
            lines.append(line)
        if match and match[1] != END:
            inside = True
            lines.append(made[match[1]] + "\n")
    return "".join(lines)


def page(name: str, root: Path = ROOT) -> str:
    """Return a page of PAGES with its generated parts made anew."""
    path = root / name
    return rewrite(path.read_text(), parts(root / "results", path.parent))


def main(root: Path = ROOT) -> None:
    """Rewrite the pages; everything is made before anything is written."""
    for name, text in {name: page(name, root) for name in PAGES}.items():
        replace(root / name, text.encode())


if __name__ == "__main__":
    main()
