"""What the played story prints and writes."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import indent

from rich.console import Console
from rich.text import Text


@dataclass(frozen=True)
class Step:
    """One step of the story: whether it came true, after how many seconds, and what was seen."""

    name: str
    ok: bool
    seconds: float
    detail: str


@dataclass
class Report:
    """The steps so far."""

    console: Console
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when there are steps and each of them came true."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    async def play(self, name: str, action: Callable[[], Awaitable[str]]) -> None:
        """Take one step, unless an earlier one failed; the action returns what it saw.

        A failed step is kept with its reason; it does not raise, so that the report is written in any case.
        """
        if self.steps and not self.ok:
            return
        started = time.monotonic()
        try:
            ok, detail = True, await action()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the step's result
            ok, detail = False, f"{type(error).__name__}: {error}".strip()
        step = Step(name, ok, round(time.monotonic() - started, 1), detail)
        self.steps.append(step)
        mark = "[green]✔[/]" if ok else "[red]✘[/]"
        self.console.print(f"{mark} {name} [dim]({step.seconds} s)[/]", highlight=False, soft_wrap=True)
        seen = Text(indent(detail, "    "), style="dim" if ok else "")
        self.console.print(seen, highlight=False, soft_wrap=True)

    def print_summary(self) -> None:
        """Say how many steps came true, and how long they took."""
        came_true = sum(step.ok for step in self.steps)
        seconds = sum(step.seconds for step in self.steps)
        self.console.print(
            f"\n[bold]{came_true} of {len(self.steps)} steps came true, in {seconds:.0f} s.[/]",
            highlight=False,
        )

    def write(self, path: Path) -> None:
        """Write `{"ok", "steps": [{"name", "ok", "seconds", "detail"}]}`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"ok": self.ok, "steps": [asdict(step) for step in self.steps]}
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
