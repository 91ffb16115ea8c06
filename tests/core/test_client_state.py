import base64
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.domain.client_state import issue, verify
from outlook_addin_core.domain.mailbox import Mailbox

KEY, OLD_KEY, WRONG_KEY = b"k" * 32, b"o" * 32, b"w" * 32
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
mailboxes = st.builds(lambda tenant, user: Mailbox(str(tenant), str(user)), st.uuids(), st.uuids())
MAILBOX = Mailbox(str(UUID(int=1)), str(UUID(int=2)))


@given(mailboxes, st.binary(min_size=32, max_size=32))
def test_a_state_proves_the_mailbox_it_was_issued_for(mailbox: Mailbox, key: bytes) -> None:
    state = issue(key, mailbox)
    assert verify([key], state) == mailbox
    assert len(state) <= 128


@given(mailboxes, mailboxes)
def test_different_mailboxes_have_different_states(one: Mailbox, other: Mailbox) -> None:
    assert (issue(KEY, one) == issue(KEY, other)) == (one == other)


def test_the_old_key_counts_as_long_as_it_is_listed() -> None:
    state = issue(OLD_KEY, MAILBOX)
    assert verify([KEY, OLD_KEY], state) == MAILBOX
    assert verify([KEY], state) is None
    assert verify([], state) is None


@given(mailboxes, st.integers(0, 85), st.sampled_from(ALPHABET))
def test_a_state_with_any_other_character_proves_nothing(mailbox: Mailbox, place: int, letter: str) -> None:
    state = issue(KEY, mailbox)
    forged = state[:place] + letter + state[place + 1 :]
    assert (verify([KEY], forged) is None) == (forged != state)


@given(st.one_of(st.text(), st.text(ALPHABET, min_size=86, max_size=86), st.text(min_size=86, max_size=86)))
def test_no_text_is_taken_for_a_state(text: str) -> None:
    assert verify([KEY], text) is None


def test_the_ids_of_one_mailbox_under_the_code_of_another_prove_nothing() -> None:
    raw = base64.urlsafe_b64decode(issue(KEY, MAILBOX) + "==")
    forged = base64.urlsafe_b64encode(UUID(int=9).bytes + raw[16:]).rstrip(b"=").decode()
    assert verify([KEY, WRONG_KEY], forged) is None
