"""`make demo`: start everything and stay until Ctrl-C, or play the story once and tell how it went."""

import asyncio
import os
import signal
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import ViewportSize
from rich.console import Console

from outlook_addin_sandbox.browser import chromium
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.existing import Cluster, ExistingCluster, KindCluster
from outlook_addin_sandbox.demo.calendar_page import CalendarPage
from outlook_addin_sandbox.demo.project import BUILD
from outlook_addin_sandbox.demo.report import Report
from outlook_addin_sandbox.demo.resources import DELETION_GRACE
from outlook_addin_sandbox.demo.stack import NAMESPACE, Stack, start
from outlook_addin_sandbox.demo.story import Story
from outlook_addin_sandbox.outlook import PageAgent, seed_calendar, world_calendar

REPORT = BUILD / "demo-report.json"
IMAGES = BUILD / "demo-images"
VIEW = ViewportSize(width=1440, height=900)


def choose_cluster(kind: str) -> AbstractContextManager[Cluster]:
    """The cluster of this name: `local`, `kind`, or `existing`, which KUBECONFIG names."""
    if kind == "kind":
        return KindCluster()
    if kind == "existing":
        return ExistingCluster(Path(os.environ.get("KUBECONFIG", "~/.kube/config")).expanduser())
    return ControlPlane()


def run(cluster_kind: str, *, once: bool) -> int:
    """Run the demo; the exit status says whether everything came true.

    Raises:
        ClusterError: there is no cluster.
        DemoError: the product did not come up.
    """
    console = Console()
    with choose_cluster(cluster_kind) as cluster, TemporaryDirectory(prefix="outlook-addin-demo-") as folder:
        report = Report(console)
        asyncio.run(
            _play_once(cluster, Path(folder), report) if once else _stay(cluster, Path(folder), report)
        )
        if once:
            report.print_summary()
            report.write(REPORT)
        return 0 if report.ok else 1


async def _bring_up(stack: Stack, report: Report) -> None:
    async def install() -> str:
        await stack.install_operator()
        return "kubectl apply -k manifests/"

    async def apply() -> str:
        await stack.apply_addin()
        await stack.wait_until_ready()
        return "kubectl wait --for=condition=Ready oaddin/outlook-addin"

    await report.play("The operator is installed and available", install)
    await report.play("An OutlookAddin is applied and becomes Ready", apply)


async def _play_once(cluster: Cluster, folder: Path, report: Report) -> None:
    async with start(cluster, folder) as stack, chromium() as browser:
        await _seed(stack)
        await _bring_up(stack, report)
        context = await browser.new_context(viewport=VIEW, timezone_id="UTC", locale="en-GB")
        page = await context.new_page()
        await Story(stack, CalendarPage(page, IMAGES)).play(report)
        if not report.ok:
            await page.screenshot(path=IMAGES / "failed.png")
            await _tell_logs(stack, report.console)
        if cluster.stays:
            await stack.clean_up()


async def _stay(cluster: Cluster, folder: Path, report: Report) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with start(cluster, folder) as stack:
        await _seed(stack)
        await _bring_up(stack, report)
        if not report.ok:
            report.print_summary()
            await _tell_logs(stack, report.console)
            return
        _invite(stack, report.console)
        await stop.wait()
        report.console.print("\nStopping …")
        if cluster.stays:
            await stack.clean_up()


async def _seed(stack: Stack) -> None:
    """Give every agent a plausible calendar for this week and the next."""
    for agent in stack.world.agents:
        calendar = world_calendar(stack.world, PageAgent(agent.user_id, agent.name, agent.address))
        for week in (timedelta(), timedelta(days=7)):
            await seed_calendar(calendar, stack.world.now() + week)


def _invite(stack: Stack, console: Console) -> None:
    console.print(
        f"""
[bold]Ready.[/] Open [bold]{stack.page.url}[/] and press "Unblu Conversation" in an event.
Then rename, drag, repeat or delete it, and watch the conversation follow. A deleted event can be restored;
after {DELETION_GRACE.seconds} s its conversation is deleted, too.

  The add-in      {stack.addin_origin}/addin/manifest.xml
  The state       {stack.world.unblu.origin}/_sim/state

In another terminal:

  export KUBECONFIG={stack.cluster.kubeconfig}
  kubectl get oaddin,csub -n {NAMESPACE} --watch
  kubectl describe csub -n {NAMESPACE}
  kubectl logs -n {NAMESPACE} deployment/outlook-addin --follow

Ctrl-C ends it and removes what it made.""",
        highlight=False,
        soft_wrap=True,
    )


async def _tell_logs(stack: Stack, console: Console) -> None:
    """Show the last words of the pods."""
    for pod in await stack.items("pods", "--all-namespaces"):
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        with suppress(KeyError, OSError):
            lines = stack.node.log_path(name).read_text().splitlines()[-25:]
            console.print(f"\nLast log lines of {name}:", *lines, sep="\n  ", highlight=False, markup=False)
