"""`python -m outlook_addin_sandbox`."""

from outlook_addin_sandbox.cli import main

main()
