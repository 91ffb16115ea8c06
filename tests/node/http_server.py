"""The program that the tests' Pods run, by `python -c`: a small HTTP server that can be upset."""

import http.server
import os
import pathlib
import signal
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    ready = True
    live = True
    eaten: list[bytes] = []  # noqa: RUF012 (one server, one list)

    def do_GET(self) -> None:
        action, _, argument = self.path.removeprefix("/").partition("/")
        status, text = 200, os.environ.get("VERSION", "-")
        if action == "env":
            text = os.environ.get(argument, "")
        elif action == "file":
            text = pathlib.Path(os.environ[argument]).read_text()
        elif action == "unready":
            Handler.ready = False
        elif action == "sicken":
            Handler.live = False
        elif action == "eat":
            Handler.eaten.append(os.urandom(int(argument) * 1024 * 1024))
        elif action == "crash":
            os._exit(int(argument))
        elif action == "headers":
            text = str(self.headers)
        elif (action == "ready" and not Handler.ready) or (action == "live" and not Handler.live):
            status = 503
        self._answer(status, text.encode())

    def do_POST(self) -> None:
        self._answer(201, self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def end(*_: object) -> None:
    sys.stdout.write(f"SIGTERM seen at {time.time()}\n")
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
http.server.ThreadingHTTPServer((os.environ["LISTEN_ADDRESS"], 8080), Handler).serve_forever()
