"""Commands in children of a warm process: each from a folder that is put back, with or without a fault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.robustness.write_events import Fault

CHECKOUT: Final = Path(__file__).resolve().parents[2]
#: Nothing that is imported may start a thread: a fork copies one. The shop is small enough for one.
ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"
}  # fmt: skip
#: What a command is told: a wide page, no colours, no tracking server.
PLAIN: Final = {"COLUMNS": "200", "NO_COLOR": "1", "MLFLOW_TRACKING_URI": ""}


#: What takes long to import; the rest is learned from commands.
HEAVY: Final = (
    "pandas", "pyarrow.parquet", "duckdb", "ibis", "lightgbm", "mlflow", "matplotlib.pyplot", "plotly.graph_objects",
    "lifetimes", "cvo_ml.cli",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """A write event: its number, its kind, and the path below the root."""

    number: int
    kind: str
    path: str


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Parameters
    ----------
    code:
        Negative: the signal that ended it.
    seconds, work:
        By the clock, and of the processor.
    events:
        What it wrote, or was about to.
    """

    code: int
    out: str
    said: str
    seconds: float
    work: float
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Call:
    """A command line, and what happens to it.

    Parameters
    ----------
    after:
        Seconds until it begins.
    user:
        The number of the user that runs it; 0 = this one.
    """

    arguments: tuple[str, ...]
    fault: Fault = field(default_factory=Fault)
    after: float = 0.0
    user: int = 0
    encoding: str = "utf-8"
    variables: tuple[tuple[str, str], ...] = ()


class Warm:
    """The warm process, and the folder that all its commands work in.

    Parameters
    ----------
    folder:
        Gets ``work``, where commands run, ``kept`` states of it, and what commands said.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.work, self._kept, self._said = folder, folder / "work", folder / "kept", folder / "said"
        for made in (self.work, self._kept, self._said):
            made.mkdir(parents=True, exist_ok=True)
        requests, self._ask = os.pipe()
        self._hear, answers = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-P", Path(__file__).with_name("warm_process.py"), CHECKOUT, str(requests), str(answers)],
            pass_fds=(requests, answers), env={**os.environ, **ONE_THREAD}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(requests)
        os.close(answers)
        self._answers = os.fdopen(self._hear)
        self._ask_for({"imports": HEAVY})

    def close(self) -> None:
        """End the process."""
        os.close(self._ask)
        self._process.wait(30)
        self._answers.close()

    def learn(self, *arguments: str) -> Ran:
        """Run a command line, and import in the warm process whatever it imported."""
        modules = self._said / "modules.json"
        ran = self._asked([{**self._run(Call(arguments), 0), "modules": str(modules)}])[0]
        if modules.is_file():
            self._ask_for({"imports": json.loads(modules.read_text())})
            modules.unlink()
        return ran

    def run(self, *arguments: str, fault: Fault | None = None, **how: Any) -> Ran:
        """One command line."""
        return self.together(Call(arguments, fault or Fault(), **how))[0]

    def together(self, *calls: Call) -> list[Ran]:
        """Command lines at once."""
        return self._asked([self._run(call, number) for number, call in enumerate(calls)])

    def has(self, name: str) -> bool:
        """Whether a state is kept."""
        return (self._kept / name).is_dir()

    def keep(self, name: str) -> None:
        """Keep the folder as it is now."""
        shutil.rmtree(self._kept / name, ignore_errors=True)
        shutil.copytree(self.work, self._kept / name, symlinks=True)

    def put_back(self, name: str) -> None:
        """The folder as it was kept."""
        self.take(self._kept / name)

    def take(self, copy: Path) -> None:
        """The folder as a copy of it is."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(copy, self.work, symlinks=True)

    def copies(self, *arguments: str) -> tuple[Ran, list[Path]]:
        """Run a command line to its end; the folder as it was at each write event."""
        shots = self._kept.parent / "copies"
        shutil.rmtree(shots, ignore_errors=True)
        shots.mkdir()
        ran = self.run(*arguments, fault=Fault("copy", to=str(shots)))
        return ran, [shots / str(event.number) for event in ran.events]

    def _run(self, call: Call, number: int) -> dict[str, Any]:
        places = {name: str(self._said / f"{number}.{name}") for name in ("stdout", "stderr", "log")}
        temporary = self.work / "tmp"
        temporary.mkdir(exist_ok=True)
        if call.user:
            temporary.chmod(0o777)
        variables = {**PLAIN, "TMPDIR": str(temporary), **dict(call.variables)}
        return {
            "arguments": list(call.arguments), "folder": str(self.work), "root": str(self.work), "variables": variables,
            "fault": asdict(call.fault), "after": call.after, "user": call.user, "encoding": call.encoding, **places,
        }  # fmt: skip

    def _asked(self, runs: list[dict[str, Any]]) -> list[Ran]:
        ended = self._ask_for({"runs": runs})
        return [_ran(run, end) for run, end in zip(runs, ended, strict=True)]

    def _ask_for(self, request: Any) -> Any:
        os.write(self._ask, (json.dumps(request) + "\n").encode())
        answer = self._answers.readline()
        assert answer, "the warm process has ended"
        return json.loads(answer)


def _ran(run: dict[str, Any], end: dict[str, Any]) -> Ran:
    out, said = _text(run["stdout"]), _text(run["stderr"])
    return Ran(end["code"], out, said, end["seconds"], end["work"], _events(Path(run["log"])))


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _events(log: Path) -> tuple[Event, ...]:
    if not log.is_file():
        return ()
    lines = (line.split(" ", 2) for line in log.read_text(errors="replace").splitlines())
    return tuple(Event(int(number), kind, path) for number, kind, path in lines)
