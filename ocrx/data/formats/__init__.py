"""Label files in: PaddleX lists, JSON lines, CSV, TSV and image-text pairs.

Start at ``layouts.read_dataset``. Every oddity of a file becomes an ``Issue`` with its line; no image is opened.
Imports no other part of ``ocrx.data`` but ``sample``.
"""
