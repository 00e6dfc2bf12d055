"""Write the pins twice from one resolution: requirements.lock (hashes, no URLs) and pyproject's constraints.

Run by ``make lock`` after a dependency changed. ``uv.lock`` names registry hosts and is not kept.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK, PROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
BEGIN = "# BEGIN pins, written by tools/lock.py from requirements.lock"
END = "# END pins"


def pins(lock_text: str) -> list[str]:
    """``name==version`` and its marker, one per requirement of the lock, without hashes."""
    lines = lock_text.replace("\\\n", " ").splitlines()
    found = [re.sub(r"\s+--hash=\S+", "", line).strip() for line in lines if re.match(r"[A-Za-z0-9]", line)]
    return sorted(set(found), key=str.lower)


def pinned_block(project_text: str) -> list[str]:
    """The constraints that stand in pyproject.toml."""
    block = project_text.split(BEGIN, 1)[1].split(END, 1)[0]
    return re.findall(r'^  "(.*)",$', block, flags=re.M)


def with_pins(project_text: str, lock_text: str) -> str:
    """pyproject.toml with its block of constraints replaced."""
    before, rest = project_text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    listed = "".join(f"  {_quoted(pin)},\n" for pin in pins(lock_text))
    return f"{before}{BEGIN}\nconstraint-dependencies = [\n{listed}]\n{END}{after}"


def _quoted(pin: str) -> str:
    return '"' + pin.replace('"', "'") + '"'


def main() -> None:
    """Resolve anew without the old pins, then write both."""
    text = PROJECT.read_text()
    PROJECT.write_text(with_pins(text, ""))
    (ROOT / "uv.lock").unlink(missing_ok=True)
    subprocess.run(["uv", "lock"], cwd=ROOT, check=True)
    export = ["uv", "export", "--all-groups", "--all-extras", "--no-emit-project", "--no-annotate", "--no-header"]
    export += ["--no-emit-index-url", "--format", "requirements.txt"]
    exported = subprocess.run(export, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    if "://" in exported:
        raise SystemExit("the export names a URL: it must not be committed")
    LOCK.write_text(exported)
    PROJECT.write_text(with_pins(text, exported))


if __name__ == "__main__":
    main()
