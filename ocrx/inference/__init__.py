"""Reads lines of text from images with a model.

``discovery`` finds a model, ``opening`` opens it, ``recognizer`` reads with it. The path of an image: ``inputs``
(paths, URLs, arrays, …) → ``lines`` (opened, cut, resized) → ``batching`` (one width per batch) → a back end and a
decoder → ``results``, with ``confidence``, ``image_warnings`` and ``spans`` → ``writers``.

May import the back ends, the zoo and what lies below them; knows nothing of evaluation, training and the command line.
"""
