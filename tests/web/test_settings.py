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


def test_a_secret_made_from_a_file_may_end_in_a_line_break() -> None:
    settings = Settings.from_env({"CLIENT_SECRET": "one\n", "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": "two\n"})

    assert (settings.client_secret, settings.gateway_client_secret) == ("one", "two")
