"""`python -m execution.simulator`."""

from execution.simulator.cli import main

main()
