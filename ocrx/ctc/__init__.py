"""Connectionist temporal classification, the mathematics alone (Graves et al. 2006).

``loss`` is minimised in training, ``reference`` implements the same recursions readably, ``alignment`` finds the most
probable path of a known text, ``frames`` counts the frames that a text needs. Searching for a text is the task of
``ocrx.decoding``.

Conventions: logits are [N, T, K] or [T, K] (lines, frames, classes); class 0 is the blank; probabilities are natural
logarithms. May import NumPy, ``ocrx.arrays`` and ``ocrx.text``; only ``loss`` imports torch.
"""
