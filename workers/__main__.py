"""`python -m workers` is `commfleet`."""

from workers.cli import main

main(prog_name="commfleet")
