"""What people ask for with `kubectl outlook`: new mailboxes, renewals, sweeps, and letting go."""

import io
from pathlib import Path

import pytest

from kubectl.conftest import TENANT, Bank, Outlook, condition, user
from outlook_addin_core.domain.mailbox import Mailbox, subscription_name
from outlook_addin_kubectl.kubectl import _NAMES
from outlook_addin_sandbox.cluster.errors import KubectlError


def test_what_subscribe_prints_can_be_applied(bank: Bank, outlook: Outlook, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"# the branch\n{user(1).upper()}\tanna@bank.example\n\n{user(2)}  # no address\n")
    code, out, _ = outlook("subscribe", "desk", f"--tenant={TENANT}", user(3), "--file", str(users))
    assert code == 0
    bank.kubectl("apply", "-f", "-", input_text=out)
    names = [subscription_name("desk", Mailbox(TENANT, user(number))) for number in (1, 2, 3)]
    specs = [bank.get("csub", name)["spec"] for name in names]
    assert [spec["userId"] for spec in specs] == [user(1), user(2), user(3)]
    assert [spec.get("mailbox") for spec in specs] == ["anna@bank.example", None, None]


def given(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))


def test_users_come_from_standard_input(outlook: Outlook, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, f"{user(1)} anna@bank.example\n".encode())
    code, out, _ = outlook("subscribe", "desk", f"--tenant={TENANT}", "--file=-")
    assert code == 0
    assert "mailbox: anna@bank.example" in out


def test_files_of_windows_are_read(outlook: Outlook, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, f"\ufeff{user(1)}\tanna@bank.example\r\n".encode())
    code, out, _ = outlook("subscribe", "desk", f"--tenant={TENANT}", "--file=-")
    assert code == 0
    assert "mailbox: anna@bank.example\n" in out


def test_what_is_not_in_utf_8_is_said(outlook: Outlook, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, f"{user(1)} bürli@bank.example\n".encode("latin-1"))
    code, out, err = outlook("subscribe", "desk", f"--tenant={TENANT}", "--file=-")
    assert (code, out) == (2, "")
    assert "Standard input is not in UTF-8" in err


def test_a_user_who_is_named_twice_gets_one_subscription(outlook: Outlook, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"{user(1).upper()} anna@bank.example\n{user(1)}\n")
    _, out, _ = outlook("subscribe", "desk", f"--tenant={TENANT}", user(1), "-f", str(tmp_path / "users"))
    assert out.count("kind: CalendarSubscription") == 1
    assert "mailbox: anna@bank.example" in out


def test_an_address_of_a_guest_keeps_its_number_signs(outlook: Outlook, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"{user(1)} anna#EXT#@bank.example # a guest\n")
    _, out, _ = outlook("subscribe", "desk", f"--tenant={TENANT}", "-f", str(tmp_path / "users"))
    assert "mailbox: anna#EXT#@bank.example\n" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((f"--tenant={TENANT}", "anna"), "'anna' is not a GUID; write it as"),
        (("--tenant=bank", user(1)), "'bank' is not a GUID; write it as"),
        ((f"--tenant={TENANT}",), "No user is named"),
        ((f"--tenant={TENANT}", "--file=/nowhere"), "/nowhere cannot be read"),
    ],
)
def test_what_cannot_be_subscribed_is_said(outlook: Outlook, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = outlook("subscribe", "desk", *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_line_with_too_many_words_is_named(outlook: Outlook, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"\n{user(1)} Anna Keller\n")
    _, _, err = outlook("subscribe", "desk", f"--tenant={TENANT}", "-f", str(tmp_path / "users"))
    assert "Line 2 has 3 words" in err


def test_renewals_are_asked_for_by_name_and_by_state(bank: Bank, outlook: Outlook) -> None:
    bank.add_mailbox("well", 1)
    bank.add_mailbox("named", 2)
    bank.add_mailbox("failing", 3, condition("Ready", "False", "GraphError"))
    assert outlook("renew", "named")[1] == "Asked for the renewal of 1 calendar subscription.\n"
    assert outlook("renew", "--failing")[0] == 0
    asked = [bank.annotation("csub", name, "renew-requested") for name in ("well", "named", "failing")]
    assert asked[0] is None
    assert asked[1] != asked[2]
    assert all(asked[1:])
    assert outlook("renew", "--all")[1] == "Asked for the renewal of 3 calendar subscriptions.\n"
    assert bank.annotation("csub", "well", "renew-requested")
    assert bank.annotation("csub", "named", "renew-requested") != asked[1]


def test_one_mailbox_that_is_gone_holds_up_no_other(bank: Bank, outlook: Outlook) -> None:
    bank.add_mailbox("last", 1)
    code, _, err = outlook("renew", *(f"gone-{number}" for number in range(_NAMES)), "last")
    assert code == 2
    assert '"gone-0" not found' in err
    assert bank.annotation("csub", "last", "renew-requested")


def test_a_renewal_that_nobody_carries_out_is_not_waited_for_for_ever(bank: Bank, outlook: Outlook) -> None:
    bank.add_mailbox("agent", 1)
    code, _, err = outlook("renew", "agent", "--wait=1")
    assert code == 2
    assert "timed out" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("renew",), "Which ones?"),
        (("renew", "a", "--all"), "not both"),
        (("renew", "nobody"), '"nobody" not found'),
        (("renew", "--", "--all"), "'--all' is no name"),
        (("renew", "nobody", "team=sales"), "'team=sales' is no name"),
        (("renew", "csub/nobody"), "without its kind"),
        (("renew", "nobody", "--wait=-1"), "-1 is not in the range"),
        (("status", "-n", "no/where"), "'no/where' is no name"),
        (("release", "csub/../oaddin"), "'../oaddin' is no name"),
        (("sync",), "Name an OutlookAddin"),
        (("sync", "nobody"), '"nobody" not found'),
        (("release", "pod/x"), "'pod/x' names no object of ours"),
        (("release", "csub/nobody"), '"nobody" not found'),
    ],
)
def test_what_cannot_be_asked_for_is_said(outlook: Outlook, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = outlook(*arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_sweep_is_asked_for_of_an_addin_or_of_mailboxes(bank: Bank, outlook: Outlook) -> None:
    bank.add_addin()
    bank.add_mailbox("agent", 1)
    assert outlook("sync", "desk")[0] == 0
    assert bank.annotation("oaddin", "desk", "sync-requested")
    assert bank.annotation("csub", "agent", "sync-requested") is None
    assert outlook("sync", "--mailbox=agent")[0] == 0
    assert bank.annotation("csub", "agent", "sync-requested")


def test_only_what_was_deleted_and_is_held_by_us_is_released(bank: Bank, outlook: Outlook) -> None:
    bank.add_mailbox("agent", 1, expirationTime="2026-12-02T10:00:00Z")
    held = '{"metadata": {"finalizers": ["outlook-addin.dev/cleanup", "bank.example/audit"]}}'
    bank.kubectl("patch", "csub", "agent", "--type=merge", "-p", held)
    assert "has not been deleted" in outlook("release", "csub/agent")[2]
    bank.delete("csub", "agent")
    code, out, _ = outlook("release", "CalendarSubscription/agent")
    assert code == 0
    assert "ends by itself at 2026-12-02T10:00:00Z" in out
    assert bank.get("csub", "agent")["metadata"]["finalizers"] == ["bank.example/audit"]
    assert (
        "is not held by outlook-addin.dev/cleanup, but by bank.example/audit"
        in outlook("release", "csub/agent")[2]
    )
    bank.kubectl("patch", "csub", "agent", "--type=merge", "-p", '{"metadata": {"finalizers": []}}')
    with pytest.raises(KubectlError, match="NotFound"):
        bank.get("csub", "agent")
