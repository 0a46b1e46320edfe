"""The command line: one file per command, plus what they share.

``shortcut`` is the entry point, ``app`` assembles the commands, ``exit_codes`` turns errors into messages and exit
codes, ``options`` defines options that several commands share, ``settings`` finds the configuration and weights of a
command, ``console`` writes to the terminal. The file of a command holds the command with its options, ``run``
(configuration in, exit code out), and ``show``, which presents the report; those of ``predict`` are in ``prediction``.

May import everything. The only package that imports Typer and Rich. Slow imports are inside functions, so that
``ocrx --help`` starts fast.
"""
