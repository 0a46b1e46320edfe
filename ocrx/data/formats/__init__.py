"""Readers of label files: lists, JSON Lines, CSV, TSV and image-text pairs; PAGE, ALTO and other page annotations.

Start at ``layouts.read_dataset`` for line images: every problem in a file becomes an ``Issue`` with its line. The
readers of annotated pages yield ``regions.Region`` and ``regions.SkippedRegion``. No image is opened. Of ``ocrx.data``,
the package imports ``sample`` only.
"""
