"""The command line."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final, TypeVar

import click

from outlook_addin_kubectl import commands
from outlook_addin_kubectl.commands import Scope
from outlook_addin_kubectl.kubectl import Kubectl, KubectlError
from outlook_addin_kubectl.manifests import InputError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_NAMESPACE: Final = click.option("-n", "--namespace", help="Namespace, unless it is the context's.")
_KUBECTLS_OWN: Final = tuple(
    click.option(f"--{name}", metavar=name.upper(), help="As kubectl has it.")
    for name in ("context", "kubeconfig", "as")
)
_EVERYWHERE: Final = click.option(
    "-A", "--all-namespaces", "everywhere", is_flag=True, help="Look in all namespaces."
)
_CHOICE: Final = (
    click.option("--addin", metavar="NAME", help="Those of this OutlookAddin."),
    click.option("--failing", is_flag=True, help="Those that need a person."),
)


def _with(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


def _scope(namespace: str | None, *, everywhere: bool = False, **kubectls_own: str | None) -> Scope:
    kubectl = Kubectl([f"--{name}={value}" for name, value in kubectls_own.items() if value])
    return Scope(kubectl, None if everywhere else namespace or kubectl.namespace(), datetime.now(UTC))


@click.group(name="kubectl outlook")
def cli() -> None:
    """Look after the Outlook add-in for Unblu.

    Ends with 1 if something needs a person, and with 2 if a command could not be carried out.
    """


@cli.command()
@_with(_NAMESPACE, _EVERYWHERE, *_KUBECTLS_OWN)
def status(**place: Any) -> int:
    """Tell whether all is well, and what is to be done."""
    return commands.status(_scope(**place))


@cli.command()
@_with(*_CHOICE, _NAMESPACE, _EVERYWHERE, *_KUBECTLS_OWN)
def subscriptions(addin: str | None, *, failing: bool, **place: Any) -> int:
    """List mailboxes, those that end first on top."""
    return commands.subscriptions(_scope(**place), addin, failing=failing)


@cli.command(short_help="Print CalendarSubscriptions of users.")
@click.argument("addin")
@click.argument("users", metavar="[USER]...", nargs=-1)
@click.option("--tenant", metavar="ID", required=True, help="The tenant of the users.")
@click.option("-f", "--file", metavar="FILE", help="Lines of object id and address; - for standard input.")
@_NAMESPACE
def subscribe(addin: str, users: Sequence[str], tenant: str, file: str | None, namespace: str | None) -> int:
    """Print CalendarSubscriptions of users, for kubectl apply or Git.

    A USER is the object id of a user in Entra.
    """
    return commands.subscribe(addin, tenant, users, file, namespace)


@cli.command(short_help="Have mailboxes renewed now.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of the namespace.")
@click.option(
    "--wait", type=click.IntRange(min=0), default=0, metavar="SECONDS", help="Wait until it has been done."
)
@_with(*_CHOICE, _NAMESPACE, *_KUBECTLS_OWN)
def renew(
    names: Sequence[str], wait: int, addin: str | None, *, everything: bool, failing: bool, **place: Any
) -> int:
    """Have mailboxes renewed now, by the names of their CalendarSubscriptions or by what they are."""
    chosen = everything or failing or addin is not None
    if not names and not chosen:
        raise InputError("Which ones? Name CalendarSubscriptions, or give --failing, --addin NAME or --all.")
    if names and chosen:
        raise InputError("Give names, or what chooses them, not both.")
    return commands.renew(_scope(**place), names, addin, wait, failing=failing)


@cli.command(short_help="Have conversations compared with events now.")
@click.argument("addin", required=False)
@click.option(
    "--mailbox", "names", metavar="NAME", multiple=True, help="A CalendarSubscription alone; several times."
)
@_with(_NAMESPACE, *_KUBECTLS_OWN)
def sync(addin: str | None, names: Sequence[str], **place: Any) -> int:
    """Have the open conversations of an OutlookAddin, or of mailboxes, compared with their events now."""
    if bool(addin) == bool(names):
        raise InputError("Name an OutlookAddin, or mailboxes with --mailbox.")
    return commands.sync(_scope(**place), addin, names)


@cli.command(short_help="Let go of what no operator lets go of.")
@click.argument("objects", metavar="KIND/NAME...", nargs=-1, required=True)
@_with(_NAMESPACE, *_KUBECTLS_OWN)
def release(objects: Sequence[str], **place: Any) -> int:
    """Let go of deleted objects, such as csub/NAME or oaddin/NAME, where no operator is left to do it."""
    return commands.release(_scope(**place), objects)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end with its status."""
    try:
        sys.exit(cli.main(arguments, prog_name="kubectl outlook", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except (InputError, KubectlError) as error:
        print(f"kubectl outlook: {error}", file=sys.stderr)
        sys.exit(2)
