"""Measures how well and how fast a recognizer reads labelled lines.

``evaluate`` compares, ``analysis`` and ``intervals`` say where the errors lie and how certain the figures are,
``reliability`` and ``calibration`` are about scores and confidence, ``label_errors`` finds labels that are likely to be
wrong, ``latency`` takes the time, ``html_report`` shows an evaluation.

May import ``inference`` and what lies below it.
"""
