"""Rendered lines: texts, typefaces, layout, print styles and degradation, as a dataset or on the fly.

A line is a pure function of the settings, the seed, its number and the fonts that are found. ``generator`` makes one
line: ``text`` and the pattern modules say what it reads, ``fonts`` chooses a face, ``render`` and ``layout`` set it,
``scenes``, ``print_styles``, ``degrade`` and ``textures`` make it look printed, worn and scanned. ``source`` feeds a
training. May import what lies below ``zoo``; knows nothing of models but their image and charset.
"""
