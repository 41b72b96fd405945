"""What goes wrong outside of the program ends in one line, and loses nothing: signals, kills, pipes, no memory."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_helper import refusal
from matplotlib.figure import Figure

from figures.width import plot as plot_width
from simulations.algorithms import compiled
from simulations.base import signals
from simulations.base.files import BrokenOff
from simulations.base.progress import say_when_compiling
from simulations.cli import commands, main
from simulations.evidence import reproduce
from simulations.experiments import EXPERIMENTS, PRESETS
from simulations.runs import leftovers, memory
from simulations.runs.cell import Cell
from simulations.runs.grid import check_ready
from simulations.runs.storage import RowLog, header, read_cells, read_manifest, read_rows, write_manifest, write_rows
from simulations.runs.sweep import sweep

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
KILLS = 20 if os.environ.get("SOAK") else 1
TINY = ["--n-features", "20", "--d-model", "10", "--n-samples", "300", "--n-neurons", "40", "--device", "cpu"]


REFUSED = {
    "the cell takes about 4.47e+04 GiB": ["cell", "--n-samples", "1000000000000"],
    "the cell takes about 9.3e+05 GiB": ["cell", *TINY, "--algorithm", "topk", "--n-restarts", "1000000000"],
    "GiB of memory are free": ["cell", *TINY, "--n-samples", "1" + "0" * 400],
    "n_evaluations=1000000000000, but should be at most 1000000": [
        *("cell", *TINY, "--algorithm", "topk", "--n-steps", "5", "--n-evaluations", "1e12")
    ],
    "target_frequency=5e-324, but float32 holds": ["cell", *TINY, "--target-frequency", "5e-324"],
    "noise=1e+154, but float32 holds": ["cell", *TINY, "--noise", "1e154"],
    "step_size=1e+100, but float32 holds": ["cell", *TINY, "--step-size", "1e100"],
    "n_features=100000000000000000000, but should be at most 2^53": ["conditions", "--n-features", "1" + "0" * 20],
    "n_features='1e20', but should be an integer": ["conditions", "--n-features", "1e20"],
    "the theory is calculated up to 1,000,000,000,000": ["predict", "--n-features", "1" + "0" * 20],
    "d_model=10000000000000, but the theory": ["plan", "--d-model", "1" + "0" * 13],
    "n_steps=100000000, but the theory": ["predict", "--n-steps", "100000000"],
    "--out has no value": ["sweep", "resonance", "--out", ""],
    "--out has no value ": ["sweep", "resonance", "--out=--"],
    "--rows has no value": ["figure", "resonance", "--rows="],
    "--features has no value": ["score", "--dictionary", "W.npy", "--features", ""],
    "--dictionary has no value": ["report", "--dictionary", "", "--rows", str(Path(__file__).parent)],
    "--checkpoint has no value": ["cell", *TINY, "--algorithm", "topk", "--n-steps", "1", "--checkpoint", " "],
    "argument 2 has no value": ["merge", "", "--out", "merged"],
    "algorithm cannot be set by --set; use --algorithm": ["cell", *TINY, "--set", "algorithm=topk"],
    "--json goes after the command": ["--json", "list"],
    "seed=9007199254740993, but should be in": ["sweep", "resonance", "--seed", str(2**53 + 1)],
    "n_jobs=0, but should be at least 1": ["reproduce", "--n-jobs", "0"],
    "n_jobs=-2, but should be at least 1": ["sweep", "resonance", "--dry-run", "--n-jobs", "-2"],
    "but the grid has 6 cells: k should be in [1, 6]": ["sweep", "trajectories", "--dry-run", "--shard", "7/7"],
    "/dev/null/x cannot be written": ["benchmark", "--out", "/dev/null/x"],
    "threads=0": ["cell", *TINY, "--threads", "0"],
}


@pytest.mark.parametrize(("said", "words"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_done_is_refused_before_any_work(
    said: str, words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said.strip() in refusal(capsys, *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", [2**53 + 1, 2**64 + 1])
def test_large_seeds_and_small_frequencies_work(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cell", *TINY, "--n-steps", "1", "--seed", str(seed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == seed
    assert main(["conditions", "--target-frequency", "5e-324", "--json"]) == 0
    assert "nan" not in capsys.readouterr().out
    assert Cell(seed=np.uint64(seed % 2**64)).seed == seed % 2**64
    assert Cell(dtype="float64", target_frequency=1e-100).target_frequency == 1e-100


def test_none_is_a_setting_that_is_not_given() -> None:
    for algorithm, name in (("modified-ba", "sparsity"), ("topk", "n_steps"), ("l1", "dictionary_law")):
        assert Cell(algorithm=algorithm, **{name: None}) == Cell(algorithm=algorithm)


def test_a_sweep_of_which_no_cell_fits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = Cell(n_samples=100, n_neurons=8), Cell(n_samples=10**12)
    monkeypatch.setattr(memory, "available", lambda: 2**30)
    check_ready([small, large])  # the large one becomes a failed row
    with pytest.raises(MemoryError, match="GiB of memory are free"):
        check_ready([large])
    assert memory.gib(10**400) == memory.gib(10**300)


def test_a_disk_that_fills_up_breaks_a_run_off_and_is_no_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: RowLog, row: object) -> None:
        raise BrokenOff("rows.csv cannot be written: No space left on device")

    point = {"n_features": 16, "d_model": 8, "n_samples": 100, "n_neurons": 32, "n_steps": 2}
    small = replace(EXPERIMENTS["steps"], grids={"quick": lambda: [point]})
    monkeypatch.setitem(EXPERIMENTS, "steps", small)  # type: ignore[arg-type]
    monkeypatch.setattr(RowLog, "append", full)
    assert main(["sweep", "steps", "--out", str(tmp_path), "--device", "cpu"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("No space left on device; finished cells are kept: go on with --resume")


# Signals


def test_an_early_interruption_is_met_by_main() -> None:
    """What is imported before main was 0.1 s of importlib.metadata, in which Ctrl-C gave a traceback."""
    code = (
        "import sys; known = set(sys.modules)\n"
        "import simulations.cli\n"
        "own = {name for name in set(sys.modules) - known if name not in sys.stdlib_module_names}\n"
        "assert own <= {'simulations', 'simulations.cli'} and 'importlib.metadata' not in sys.modules, own\n"
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'simulations.cli.commands': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "sys.exit(simulations.cli.main(['sweep', 'resonance']))\n"
    )
    words = [sys.executable, "-S", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT)
    assert done.returncode == 130, done.stderr
    assert done.stderr == "sae-recovery: error: interrupted; finished cells are kept: go on with --resume\n"


@pytest.mark.parametrize("name", ["cell", "sweep", "reproduce"])
def test_termination_says_how_to_go_on(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def run(_: object) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        raise AssertionError("not terminated")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(commands.COMMANDS, name, commands.COMMANDS[name]._replace(run=run))  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as left:
        main([name, *(["resonance"] if name == "sweep" else [])])
    assert left.value.code == 143
    wanted = {"cell": "terminated", "sweep": "go on with --resume", "reproduce": "give the same command again"}
    assert wanted[name] in caplog.text
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interruption_that_is_lost_is_not(tmp_path: Path) -> None:
    """Exceptions that are raised in a finaliser, or in a callback from compiled code, reach nobody."""

    def swallowing(cells: Sequence[Cell]) -> list[dict[str, Any]]:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        except KeyboardInterrupt:
            done.append(cells)
        return [each.settings() | {"status": "diverged"} for each in cells]

    done: list[Any] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever ran in this process before
    try:
        with pytest.raises(KeyboardInterrupt):
            sweep("steps", "quick", [Cell(seed=k) for k in (0, 1)], tmp_path, run_batch=swallowing, progress=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(done) == 1
    signals.check()  # nothing stays


def test_a_thread_has_no_handlers() -> None:
    def inside() -> None:
        with signals.terminable():
            seen.append(signal.getsignal(signal.SIGTERM))

    seen: list[Any] = []
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


# Kills

SCRIPT = """
import sys, time
from pathlib import Path
from simulations.runs.cell import Cell, run_batch
from simulations.runs.columns import results
from simulations.runs.sweep import sweep

NEEDED = [name for name, column in results().items() if column.needed and column.kind == "number"]
real = sys.argv[3] == "real"

def work(cells):
    time.sleep(0.1)
    if real:
        return run_batch(cells)
    history = {"recovery_per_step": "0 1", "recovery_per_step_080": "0 1", "version": "0"}
    return [each.settings() | history | dict.fromkeys(NEEDED, each.seed / 64) | {"status": "ok"} for each in cells]

small = {"n_features": 16, "d_model": 8, "n_samples": 200, "n_neurons": 32, "device": "cpu"}
cells = [Cell(seed=k, **small) for k in range(60 if real else 10)]
sweep("steps", "quick", cells, Path(sys.argv[1]), run_batch=work, n_jobs=int(sys.argv[2]), resume=True, progress=False)
"""


def launch(out: Path, n_jobs: int, kind: str, said: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", SCRIPT, str(out), str(n_jobs), kind]
    with said.open("wb") as file:
        return subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stderr=file, start_new_session=True)


def shared() -> set[str]:
    return {each.name for each in leftovers.SHARED_MEMORY.iterdir()} if leftovers.SHARED_MEMORY.is_dir() else set()


def test_sweeps_killed_with_their_workers_lose_nothing(tmp_path: Path) -> None:
    """SIGKILL of the whole group at any time; with SOAK=20 twenty of them, among measured cells."""
    kind = "real" if KILLS > 1 else "fake"
    draw = np.random.default_rng(0)
    rows, said = tmp_path / "steps" / "quick" / "rows.csv", tmp_path / "stderr"
    kept: dict[str, Any] = {}
    processes, killed = set(), 0
    while killed < KILLS:
        process = launch(tmp_path, 2, kind, said)
        processes.add(process.pid)
        if killed % 4 == 3:  # while it starts, or writes its manifest
            time.sleep(float(draw.uniform(0, 3)))
        else:
            more, end = len(kept) + int(draw.integers(1, 3)), time.monotonic() + 120
            while process.poll() is None and time.monotonic() < end:
                if rows.exists() and rows.read_bytes().count(b"\n") > more:
                    break
                time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        assert process.wait(timeout=60) in (0, -signal.SIGKILL), said.read_text()
        found = read_cells(rows, warn=False) if rows.exists() else {}
        assert {key: found.get(key) for key in kept} == kept  # no row is lost, and none is another one now
        kept = found
    before = read_manifest(rows.parent)
    assert launch(tmp_path, 1, kind, said).wait(timeout=300) == 0, said.read_text()
    assert not any(f"-{each}-" in name or f"_{each}_" in name for name in shared() for each in [before["process"]])
    assert ("in shared memory" in said.read_text()) or not leftovers.SHARED_MEMORY.is_dir()
    manifest = read_manifest(rows.parent)
    assert (manifest["n_ok"], manifest["n_failed"]) == (60 if KILLS > 1 else 10, 0)
    assert "process" not in manifest
    whole = tmp_path / "whole"
    assert launch(whole, 1, kind, said).wait(timeout=300) == 0, said.read_text()
    one, other = (read_rows(each / "steps" / "quick").drop(columns="seconds") for each in (tmp_path, whole))
    assert one.equals(other)


def test_only_leftovers_of_a_dead_process_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    ended.wait()
    monkeypatch.setattr(leftovers, "SHARED_MEMORY", tmp_path)
    for number in (ended.pid, os.getpid()):
        (tmp_path / f"sem.loky-{number}-abc").touch()
        (tmp_path / f"joblib_memmapping_folder_{number}_x").mkdir()
    (tmp_path / f"sem.loky-{ended.pid}1-abc").touch()
    (tmp_path / "sem.mp-other").touch()
    assert leftovers.remove_leftovers(None) == leftovers.remove_leftovers(os.getpid()) == 0
    assert leftovers.remove_leftovers(2**200) == leftovers.remove_leftovers(-1) == 0
    assert leftovers.remove_leftovers(ended.pid) == 2
    assert len(list(tmp_path.iterdir())) == 4


# Pipes in place of files


def test_pipes_are_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "resonance" / "quick"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "rows.csv")
    sweeping = ["sweep", "resonance", "--device", "cpu", "--out", str(tmp_path), "--resume"]
    assert "no regular file" in refusal(capsys, *sweeping)
    assert "no rows of resonance" in refusal(capsys, "figure", "resonance", "--rows", str(folder / "rows.csv"))
    (folder / "rows.csv").unlink()
    os.mkfifo(folder / "manifest.json")
    assert "no regular file" in refusal(capsys, *sweeping)
    os.mkfifo(tmp_path / "a.safetensors")
    export = ["export", "--checkpoint", str(tmp_path / "a.safetensors"), "--out", str(tmp_path / "x")]
    assert "no regular file" in refusal(capsys, *export)


def test_a_pipe_for_tracebacks_does_not_hold_up_a_sweep(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "steps" / "quick"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "failures.log")

    def fail(_: Sequence[Cell]) -> list[dict[str, Any]]:
        raise MemoryError("no room")

    sweep("steps", "quick", [Cell()], tmp_path, run_batch=fail, progress=False)
    assert read_manifest(folder)["n_failed"] == 1
    assert "failures.log" in caplog.text


# Rows that are all failed, widths that are all infinite


def failed_run(out: Path, name: str) -> Path:
    cells = [Cell(**each) for each in EXPERIMENTS[name].points("quick")]
    folder = out / name / "quick"
    folder.mkdir(parents=True)
    write_rows(folder / "rows.csv", [each.settings() | {"arm": each.arm, "status": "failed"} for each in cells])
    write_manifest(folder, {"experiment": name, "preset": "quick"})
    return folder


def test_rows_that_are_all_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = failed_run(tmp_path, "resonance")
    said = refusal(capsys, "figure", "resonance", "--rows", str(tmp_path), "--out", str(tmp_path / "pictures"))
    assert "has no row of status ok" in said
    assert not (tmp_path / "pictures").exists()
    assert main(["scorecard", "--rows", str(tmp_path), "--out", str(tmp_path), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["verdicts"]) <= {"not tested yet", "undecided"}
    (folder / "rows.csv").write_bytes(header())
    refusal(capsys, "figure", "resonance", "--rows", str(folder), "--out", str(tmp_path / "pictures"))


def test_one_experiment_that_failed_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = {"n_features": 16, "d_model": 8, "n_samples": 100, "n_neurons": 32, "n_steps": 2}
    small = {name: replace(EXPERIMENTS[name], grids={"quick": lambda: [point]}) for name in ("resonance", "lower_edge")}
    monkeypatch.setattr(reproduce, "EXPERIMENTS", small)
    for name, each in small.items():
        monkeypatch.setitem(EXPERIMENTS, name, each)  # type: ignore[arg-type]
    monkeypatch.setattr(reproduce, "draw", lambda *_: Figure())

    def nothing(_: Sequence[Cell]) -> list[dict[str, Any]]:
        raise ValueError("nothing works")

    def run(name: str, *args: Any, **options: Any) -> Path:
        return sweep(name, *args, **options | ({"run_batch": nothing} if name == "resonance" else {}))

    monkeypatch.setattr(reproduce, "sweep", run)
    pictures = tmp_path / "pictures"
    for words in (["reproduce", "--out", str(tmp_path)], ["figure", "all", "--rows", str(tmp_path)]):
        extra = ["--device", "cpu"] if words[0] == "reproduce" else ["--out", str(pictures)]
        assert main([*words, *extra, "--json"]) == 1
        told, said = capsys.readouterr()
        assert json.loads(told)["not_drawn"] == ["resonance"]
        assert {Path(each).stem for each in json.loads(told)["figures"]} == {"lower_edge"}
        assert sum("status ok" in line for line in said.splitlines()) == 1
    assert (pictures / "lower_edge.png").exists()


def test_widths_that_are_all_infinite_are_drawn(tmp_path: Path) -> None:
    table = read_rows(failed_run(tmp_path, "width"))
    probed = table["instrument"] == "width"
    table["status"] = "ok"
    table.loc[~probed, "feature_recovery_rate"] = 0.5
    for low in (np.nan, 7.0):
        figure = plot_width(table.assign(log10_required_width_low=np.where(probed, low, np.nan)))
        assert figure.axes[0].get_ylim() == (0.0, 8.0 if np.isnan(low) else 15.0)


# Compilation


def test_compilation_without_a_place_for_its_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only install without a home, as in a container: numba found no place, and nothing worked."""
    caching = pytest.importorskip("numba.core.caching")

    def nowhere(*_: object) -> None:
        raise OSError("read-only")

    for each in caching.CacheImpl._locator_classes:
        monkeypatch.setattr(each, "ensure_cache_path", nowhere)
    double = compiled.compiled(fastmath=set())(lambda x: 2 * x)
    assert double(3) == 6


def test_compilation_is_said_once() -> None:
    code = (
        "import numba\n"
        "from simulations.base.progress import say_when_compiling\n"
        "say_when_compiling(); say_when_compiling()\n"
        "a = numba.njit(lambda x: x + 1); print(a(1), a(1.0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT)
    assert (done.stdout, done.stderr.count("compiling")) == ("2 2.0\n", 1), done.stderr
    assert say_when_compiling.__wrapped__


# Supply


def calls(tree: ast.AST) -> list[tuple[str, dict[str, Any]]]:
    """Return the dotted name of every call and its keyword arguments that are constants."""
    return [
        (ast.unparse(each.func), {key.arg: getattr(key.value, "value", None) for key in each.keywords if key.arg})
        for each in ast.walk(tree)
        if isinstance(each, ast.Call)
    ]


def unsafe(source: str) -> list[str]:
    """Return what in a source would run code that a file from elsewhere holds."""
    tree = ast.parse(source)
    names = [
        *(alias.name for each in ast.walk(tree) if isinstance(each, ast.Import) for alias in each.names),
        *(each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)),
    ]
    wrong = [name for name in names if name.split(".")[0] in ("pickle", "dill", "shelve", "marshal", "cloudpickle")]
    for name, options in calls(tree):
        wrong += [name] if name == "torch.load" and options.get("weights_only") is not True else []
        wrong += [name] if name in ("np.load", "numpy.load") and options.get("allow_pickle") is not False else []
        wrong += [name] if name.endswith(("read_pickle", "joblib.load", "yaml.load")) else []
    return wrong


def test_no_pickle_is_read_from_disk() -> None:
    for bad in (
        "import pickle",
        "torch.load(path)",
        "np.load(p)",
        "np.load(p, allow_pickle=True)",
        "pd.read_pickle(p)",
    ):
        assert unsafe(bad), bad
    sources = [path for room in ("simulations", "figures", "theory") for path in (ROOT / room).rglob("*.py")]
    assert len(sources) > 100
    assert {str(path): found for path in sources if (found := unsafe(path.read_text()))} == {}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)


def test_nothing_asks_the_network(
    offline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="a connection"):
        socket.create_connection(("127.0.0.1", 9))
    real = EXPERIMENTS["resonance"]

    def small() -> list[Any]:
        return [{**each, "n_samples": 300, "n_neurons": 40} for each in real.grids["quick"]()][:2]

    monkeypatch.setitem(EXPERIMENTS, "resonance", replace(real, grids=dict.fromkeys(PRESETS, small)))  # type: ignore[arg-type]
    np.save(tmp_path / "W.npy", np.random.default_rng(0).standard_normal((30, 10)))
    for words in (
        ["cell", *TINY],
        ["cell", *TINY[:4], "--algorithm", "topk", "--n-steps", "3", "--n-neurons", "40", "--device", "cpu"],
        ["sweep", "resonance", "--device", "cpu", "--out", str(tmp_path)],
        ["figure", "resonance", "--rows", str(tmp_path), "--out", str(tmp_path / "pictures")],
        ["score", "--dictionary", str(tmp_path / "W.npy"), "--n-features", "20", "--d-model", "10"],
    ):
        assert main(words) == 0, capsys.readouterr().err
