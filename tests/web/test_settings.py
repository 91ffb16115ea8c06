import base64

from outlook_addin_web.settings import Settings


def test_while_keys_are_exchanged_the_key_before_is_accepted_too() -> None:
    new, old = b"n" * 32, b"o" * 32
    environ = {
        name: base64.urlsafe_b64encode(key).decode()
        for name, key in (("WEBHOOK_KEY", new), ("WEBHOOK_KEY_PREVIOUS", old))
    }

    assert Settings.from_env(environ).webhook_keys == (new, old)
    assert Settings.from_env(environ | {"WEBHOOK_KEY_PREVIOUS": ""}).webhook_keys == (new,)
