"""`kubectl outlook status` and `subscriptions`: is all well, and if not, what is to be done?"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kubectl.conftest import Bank, Outlook, condition
from outlook_addin_kubectl import commands
from outlook_addin_kubectl import kubectl as kubectl_module


def moment(**away: float) -> str:
    return (datetime.now(UTC) + timedelta(**away)).strftime("%Y-%m-%dT%H:%M:%SZ")


DENIED = "Microsoft Graph denies access to the mailbox; grant Calendars.ReadWrite."


def denied() -> tuple[dict[str, str], ...]:
    return (
        condition("Ready", "False", "AccessDenied", DENIED),
        condition("Stalled", "True", "AccessDenied", DENIED),
    )


def hold_lease(bank: Bank, *, renewed: timedelta = timedelta(0), holder: str = "operator-1") -> None:
    at = (datetime.now(UTC) - renewed).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    bank.apply(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "outlook-addin-operator"},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 30, "renewTime": at},
        }
    )


def test_when_all_is_well_it_says_so(bank: Bank, outlook: Outlook) -> None:
    hold_lease(bank)
    bank.add_addin(readyReplicas=2, replicas=2, clientSecretExpirationTime=moment(days=120, hours=5))
    for number, hours in enumerate((50, 30)):
        bank.add_mailbox(f"agent-{number}", number, expirationTime=moment(hours=hours, minutes=2))
    code, out, _ = outlook("status")
    head, row, *rest = out.splitlines()
    assert head.split("   ")[0] == "NAMESPACE"
    assert row.split() == [*f"{bank.namespace} desk True Available 2/2 2/2 in 1d6h in 120d4h".split()]
    assert any(line.startswith("Operator operator-1 ") for line in rest)
    assert rest[-1] == "Nothing needs a person."
    assert code == 0


def test_what_needs_a_person_is_told_once_for_all_it_concerns(bank: Bank, outlook: Outlook) -> None:
    hold_lease(bank)
    bank.add_addin(
        condition("Ready", "True", "Available"),
        condition("CredentialsExpiring", "True", "ExpiresWithin7Days", "Make a new one."),
        condition("CredentialsValid", "True", "Accepted"),
    )
    for number in range(7):
        bank.add_mailbox(f"agent-{number}", number, *denied())
    starting = condition("Reconciling", "True", "WaitingForWebServer", "It starts.")
    bank.add_mailbox("new", 8, condition("Ready", "False", "WaitingForWebServer", "It starts."), starting)
    code, out, _ = outlook("status")
    assert code == 1
    told = out.partition("Needs a person:\n")[2]
    assert told == (
        f"  ExpiresWithin7Days: OutlookAddin desk in {bank.namespace}\n"
        "    Make a new one.\n"
        f"  AccessDenied: 7 CalendarSubscriptions in {bank.namespace}\n"
        f"    {DENIED}\n"
        "    agent-0, agent-1, agent-2, agent-3, agent-4 and 2 more\n"
        "\n"
        "Will pass, or is meant:\n"
        f"  WaitingForWebServer: CalendarSubscription new in {bank.namespace}\n"
        "    It starts.\n"
    )
    assert "@" not in out


@pytest.mark.parametrize(
    ("holder", "renewed", "said"),
    [
        ("operator-1", timedelta(hours=2), "The Lease was last renewed 2h ago"),
        ("", timedelta(0), "No operator holds the Lease"),
    ],
)
def test_an_operator_that_has_gone_is_noticed(
    bank: Bank, outlook: Outlook, holder: str, renewed: timedelta, said: str
) -> None:
    hold_lease(bank, holder=holder, renewed=renewed)
    bank.add_addin()
    code, out, _ = outlook("status")
    assert code == 1
    assert said in out
    assert f"No operator works (namespace {bank.namespace})." in out


def test_a_lease_without_a_term_is_no_operator(bank: Bank, outlook: Outlook) -> None:
    hold_lease(bank)
    without = '{"spec": {"leaseDurationSeconds": null}}'
    bank.kubectl(
        "patch", "lease", "outlook-addin-operator", "-n", bank.namespace, "--type=merge", "-p", without
    )
    bank.add_addin()
    assert "No operator holds the Lease" in outlook("status")[1]


def test_who_sees_one_namespace_only_is_not_told_that_there_is_no_lease(bank: Bank, outlook: Outlook) -> None:
    bank.add_addin()
    assert "Whether an operator works is not known" in outlook("status")[1]


@pytest.mark.parametrize(
    ("minutes", "code", "heading"), [(29, 0, "Will pass, or is meant:"), (31, 1, "Needs a person:")]
)
def test_what_should_pass_and_lasts_needs_a_person(
    bank: Bank, outlook: Outlook, minutes: int, code: int, heading: str
) -> None:
    since, ready = timedelta(minutes=minutes), condition("Ready", "True", "Subscribed")
    hold_lease(bank)
    bank.add_addin()
    bank.add_mailbox("a", 1, ready, condition("Synchronized", "False", "UnbluUnavailable", since=since))
    bank.add_mailbox("b", 2, ready, condition("RenewalOverdue", "True", "GraphError", since=since))
    status, out, _ = outlook("status")
    assert status == code
    told = out.partition(f"{heading}\n")[2]
    assert "UnbluUnavailable" in told
    assert "GraphError" in told


def test_what_needs_a_person_is_not_hidden_by_what_will_pass(bank: Bank, outlook: Outlook) -> None:
    hold_lease(bank)
    bank.add_addin()
    overdue = condition("RenewalOverdue", "True", "CredentialsRefused")
    refused = condition("CredentialsValid", "False", "CredentialsRefused")
    bank.add_mailbox("a", 1, condition("Ready", "True", "Subscribed"), overdue, refused)
    assert "Needs a person:\n  CredentialsRefused: CalendarSubscription a " in outlook("status")[1]
    assert "a" in outlook("subscriptions", "--failing")[1]


def test_a_subscription_that_ended_unnoticed_is_told(bank: Bank, outlook: Outlook) -> None:
    bank.add_addin()
    bank.add_mailbox("agent", 0, expirationTime=moment(hours=-1))
    code, out, _ = outlook("status")
    assert code == 1
    assert "Expired: CalendarSubscription agent" in out
    assert " 1h ago " in out


def test_where_there_is_no_addin_it_says_where_to_look(bank: Bank, outlook: Outlook) -> None:
    code, out, _ = outlook("status")
    assert code == 1
    assert out == f"There is no OutlookAddin in namespace {bank.namespace}; -A looks in all.\n"


def test_what_may_not_be_seen_is_an_error_in_the_api_servers_words(outlook: Outlook) -> None:
    code, out, err = outlook("status", "-A")
    assert (code, out) == (2, "")
    assert "cannot list resource" in err
    assert "Traceback" not in err


def test_a_cluster_without_the_operators_kinds_is_told(
    outlook: Outlook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "API_VERSION", "elsewhere.dev/v1")
    assert outlook("status") == (
        2,
        "",
        "kubectl outlook: The cluster knows no outlookaddins; install the operator first.\n",
    )


def test_a_page_of_something_else_in_the_place_of_an_answer_is_told(
    tmp_path: Path, outlook: Outlook, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proxied").mkdir()
    (tmp_path / "proxied" / "kubectl").write_text("#!/bin/sh\necho '<html>Sign in</html>'\n")
    (tmp_path / "proxied" / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "proxied"), os.environ["PATH"])))
    code, out, err = outlook("status")
    assert (code, out) == (2, "")
    assert "The answer is not the API server's" in err


def test_mailboxes_are_listed_by_who_ends_first(
    bank: Bank, outlook: Outlook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubectl_module, "_PAGE", 2)
    for number, hours in enumerate((50, 30, 40)):
        synchronized = condition("Synchronized", "True", "InSync")
        bank.add_mailbox(
            f"agent-{number}",
            number,
            condition("Ready", "True", "Subscribed"),
            synchronized,
            expirationTime=moment(hours=hours, minutes=2),
            renewalTime=moment(hours=2, minutes=1),
        )
    bank.add_mailbox("none", 4, *denied())
    bank.add_mailbox("other", 5, addin="another")
    code, out, _ = outlook("subscriptions", "--addin=desk")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "READY", "REASON", "MAILBOX", "EXPIRES", "RENEWS", "SYNCHRONIZED"],
        ["none", "False", "AccessDenied", "none@bank.example", "<none>", "<none>", "<none>"],
        *(
            f"{name} True Subscribed {name}@bank.example in {span} in 2h InSync".split()
            for name, span in (("agent-1", "1d6h"), ("agent-2", "1d16h"), ("agent-0", "2d2h"))
        ),
    ]
    assert [line.split()[0] for line in outlook("subscriptions", "--failing")[1].splitlines()] == [
        "NAME",
        "none",
    ]


def test_kubectl_finds_it_as_a_plugin(bank: Bank) -> None:
    bank.add_addin()
    environ = {**os.environ, "PATH": os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))}
    command = ["kubectl", "outlook", "status", "-n", bank.namespace]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[1].split()[:4] == [bank.namespace, "desk", "True", "Available"]
    assert done.stderr == ""
    assert json.loads(bank.kubectl("get", "oaddin", "desk", "-n", bank.namespace, "-o", "json"))
