"""Where text comes from: files and folders, anything that can be iterated over, or Python's own library."""

from __future__ import annotations

import io
import os
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from simulations.base.streams import stream

Document = tuple[str, str]  # its name, its text
STANDARD_LIBRARY = "python-library"
SUFFIXES = (".txt", ".md", ".rst", ".py", ".html", ".csv", ".json", ".jsonl", ".tex")
LONGEST = 8_000  # characters of a document of the library
LEFT_OUT = (
    "pydoc_data",
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "site-packages",
    "turtledemo",
    "encodings",
    "__pycache__",
)


def documents(texts: str | Path | Iterable[str]) -> Iterator[Document]:
    """Yield name and text of each document, one at a time, in an order that is the same in every run.

    `texts` is STANDARD_LIBRARY; a file, or a folder of files (by suffix, in the order of their names); or texts.
    Raises ValueError for a path that is not there, and for a folder without text.
    """
    if isinstance(texts, Path) or (isinstance(texts, str) and texts != STANDARD_LIBRARY):
        yield from _files(Path(texts).expanduser())
    elif isinstance(texts, str):
        yield from _standard_library()
    else:
        yield from ((f"text {k}", each) for k, each in enumerate(texts))


def several(places: Sequence[str]) -> Iterator[Document]:
    """Yield the documents of several places, one after the other."""
    for each in places:
        yield from documents(each)


def _files(path: Path) -> Iterator[Document]:
    if not path.exists():
        raise ValueError(f"text={str(path)!r}, but there is no such file or folder")
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
    if not files:
        raise ValueError(f"text={str(path)!r}, but the folder has no file of {', '.join(SUFFIXES)}")
    for each in files:
        name = each.name if path.is_file() else each.relative_to(path).as_posix()
        yield name, each.read_text(encoding="utf-8", errors="replace")


def _standard_library() -> Iterator[Document]:
    """Yield topics of the language reference, docstrings of modules, and source of other modules, in a mixed order.

    The list is that of the installed files, sorted and shuffled by a fixed seed: the same for every copy of a release.
    Every second module gives its docstrings only, so that no text occurs twice; of a long document the start counts.
    """
    from pydoc_data.topics import topics

    root = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(_modules(root))
    names = [f"topic: {each}" for each in sorted(topics)] + [each.relative_to(root).as_posix() for each in files]
    for k in stream("batches", 0, part="standard library").permutation(len(names)):
        name, text = names[k], topics.get(names[k].removeprefix("topic: "), "")
        if not text:
            text = (root / name).read_text(encoding="utf-8", errors="replace")
            text = _prose(text) if k % 2 else text
        if text.strip():
            yield name, text[:LONGEST]


def _modules(root: Path) -> Iterator[Path]:
    """Yield the Python files below a folder, but for folders and files named in LEFT_OUT, which are not looked into."""
    for folder, inside, files in os.walk(root):
        inside[:] = [each for each in inside if each not in LEFT_OUT]
        yield from (Path(folder, each) for each in files if each.endswith(".py"))


def _prose(source: str) -> str:
    """Return the docstrings of a module and nothing else, each as a paragraph."""
    found, fresh = [], True
    try:
        for kind, text, *_ in tokenize.generate_tokens(io.StringIO(source).readline):
            if kind == tokenize.STRING and fresh and text.lstrip("rRuU").startswith(('"""', "'''")):
                found.append("\n".join(line.strip() for line in text.lstrip("rRuU")[3:-3].splitlines()).strip())
            if kind not in (tokenize.COMMENT, tokenize.NL):
                fresh = kind in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
    except (tokenize.TokenError, SyntaxError):
        return ""
    return "\n\n".join(each for each in found if each)
