"""The authorization endpoint: a plain page with the people to click on, and the way back with a code."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from outlook_addin_sandbox.entra.directory import AppRegistration, Directory, User
from outlook_addin_sandbox.entra.errors import EntraError
from outlook_addin_sandbox.entra.grants import Grants

SESSION_COOKIE = "sandbox_session"
ASKING_PROMPTS = frozenset({"login", "select_account"})


class SignIn:
    """Signs people in without a password.

    `login_hint` or an earlier sign-in in the same browser picks the person; otherwise the page asks.
    """

    def __init__(self, directory: Directory, grants: Grants) -> None:
        self._directory = directory
        self._grants = grants

    def authorize(self, tenant: str, request: web.Request) -> web.Response:
        """Answer an authorization request.

        Raises:
            EntraError: it cannot be sent back to the application (unknown application or redirect URI).
        """
        query = dict(request.query)
        app = self._check(tenant, query)
        user = self._pick(tenant, query, request.cookies.get(SESSION_COOKIE, ""))
        if user is None and query.get("prompt") == "none":
            return _back(
                query, {"error": "login_required", "error_description": "AADSTS50058: Nobody is signed in."}
            )
        if user is None:
            return _page(app, self._directory.users_of(tenant), query)
        if user.tenant_id not in app.tenants:
            self._directory.app_in(app.client_id, user.tenant_id)
        response = _back(query, {"code": self._grants.code_for(user, query)})
        response.set_cookie(SESSION_COOKIE, user.user_id, secure=True, httponly=True, samesite="None")
        return response

    def _check(self, tenant: str, query: Mapping[str, str]) -> AppRegistration:
        self._directory.check_tenant(tenant)
        for name in ("client_id", "redirect_uri", "code_challenge"):
            if not query.get(name):
                raise EntraError(900144, f"The request must contain the following parameter: '{name}'.")
        if query.get("code_challenge_method") != "S256":
            raise EntraError(501481, "The code_challenge_method must be S256.")
        app = self._directory.app_in(query["client_id"], tenant)
        if not app.allows_redirect(query["redirect_uri"]):
            raise EntraError(50011, f"The redirect URI '{query['redirect_uri']}' is not registered.")
        return app

    def _pick(self, tenant: str, query: Mapping[str, str], session: str) -> User | None:
        if hint := query.get("login_hint"):
            return self._directory.find_user(hint, tenant)
        if query.get("prompt") in ASKING_PROMPTS or not session:
            return None
        return self._directory.find_user(session, tenant)


def _back(query: Mapping[str, str], answer: dict[str, str]) -> web.Response:
    state = {"state": query["state"]} if "state" in query else {}
    encoded = urlencode({**answer, **state, "session_state": "sandbox"})
    mark = "#" if query.get("response_mode", "query") == "fragment" else "?"
    if mark == "?" and urlsplit(query["redirect_uri"]).query:
        mark = "&"
    return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}{mark}{encoded}"})


def _page(app: AppRegistration, users: list[User], query: Mapping[str, str]) -> web.Response:
    people = "".join(_choice(user, query) for user in users)
    return web.Response(
        content_type="text/html",
        headers={"Cache-Control": "no-store"},
        text=f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:12vh auto;padding:0 1rem}}
a{{display:block;padding:.7rem 1rem;margin:.5rem 0;border:1px solid #c8c8c8;border-radius:6px;color:inherit;
text-decoration:none}}a:hover,a:focus{{background:#f0f6ff;border-color:#0f6cbd}}small{{display:block;color:#555}}</style>
<h1>Pick an account</h1><p>to continue to {escape(app.name)}</p>{people}
<p><small>Simulated Microsoft Entra ID. There are no passwords here.</small></p></html>""",
    )


def _choice(user: User, query: Mapping[str, str]) -> str:
    chosen = {name: value for name, value in query.items() if name != "prompt"}
    link = "?" + urlencode({**chosen, "login_hint": user.address})
    return f'<a href="{escape(link)}">{escape(user.name)}<small>{escape(user.address)}</small></a>'
