"""The page's Office.js: small classic scripts, served as one."""

from pathlib import Path

_PARTS = Path(__file__).parent / "web" / "office"


def office_script() -> str:
    """All parts in the order of their names, closed off from the pane's globals.

    One classic script, because a pane may use ``Office`` as soon as the script element is done; a module
    would come too late.
    """
    parts = "\n".join(part.read_text(encoding="utf-8") for part in sorted(_PARTS.glob("*.js")))
    return f'(() => {{\n"use strict";\n{parts}\n}})();\n'
