"""Reads lines of text from images with a model.

``discovery`` finds a model, ``opening`` opens it, ``recognizer`` reads with it. On the way of an image: ``inputs``
(paths, URLs, arrays, …) → ``lines`` (opened, cut, resized) → ``batching`` (one width a batch) → a back end and a
decoder → ``results``, with ``confidence``, warnings and ``spans`` → ``writers``.

May import the back ends, the zoo and what lies below them; knows nothing of evaluation, training and the command line.
"""
