"""The command line: one file per command, plus what they share.

``app`` assembles the commands and turns errors into exit codes, ``options`` holds the options that several commands
have, ``settings`` finds the configuration and the weights a command works with, ``console`` writes to the terminal.
A command file holds the command (its options), ``run`` (configuration in, exit code out) and how its report is shown.

May import everything. The only package that imports Typer and Rich. Heavy imports happen inside the functions, so
that ``ocrx --help`` answers at once.
"""
