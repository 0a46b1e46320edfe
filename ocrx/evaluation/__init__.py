"""Measures the accuracy and the speed of a recognizer on labelled lines.

``evaluate`` compares texts with labels, ``analysis`` breaks the errors down, ``intervals`` computes 95 % intervals,
``reliability`` and ``calibration`` deal with scores and confidence, ``label_errors`` finds probable label errors,
``latency`` measures time, ``exporter`` exports a model and compares it on lines, ``html_report`` renders an evaluation.

May import ``inference`` and what lies below it.
"""
