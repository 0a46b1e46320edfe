"""Rendered lines: texts, typefaces, layout, print styles and degradation, as a dataset or on the fly.

A line is a pure function of the settings, the seed, its number and the installed fonts. ``generator`` makes one line:
``text`` and the pattern modules choose its text, ``fonts`` a face, ``layout`` and ``render`` typeset it, and
``scenes``, ``print_styles``, ``degrade`` and ``textures`` make it look printed, worn and scanned. ``source`` feeds a
training. May import the layers below ``zoo``; of a model it knows only image and charset.
"""
