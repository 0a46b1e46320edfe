"""Label files in: lists, JSON lines, CSV, TSV and image-text pairs; PAGE, ALTO and other annotations of pages.

Start at ``layouts.read_dataset`` for line images: every oddity of a file becomes an ``Issue`` with its line. The
readers of annotated pages yield ``regions.Region`` and ``regions.LeftOut``. No image is opened. Imports no other part
of ``ocrx.data`` but ``sample``.
"""
