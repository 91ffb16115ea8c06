import os
import subprocess
import sys
from pathlib import Path

WAITS = """#!/bin/sh
echo 'To sign in, open a page.' >&2
read answer < "$ANSWER"
echo '{"kind": "OutlookAddinList", "metadata": {}, "items": []}'
"""


def test_what_a_sign_in_asks_for_is_seen_while_it_waits(tmp_path: Path) -> None:
    program, answer = tmp_path / "kubectl", tmp_path / "answer"
    program.write_text(WAITS)
    program.chmod(0o700)
    os.mkfifo(answer)
    environ = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "ANSWER": str(answer)}
    command = (
        sys.executable,
        "-c",
        "from outlook_addin_kubectl.cli import main; main()",
        "status",
        "-n",
        "bank",
    )
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "To sign in, open a page.\n"
        answer.write_text("signed in\n")
        out, err = process.communicate()
    assert (out, err) == ("There is no OutlookAddin in namespace bank; -A looks in all.\n", "")
