"""Connectionist temporal classification, the mathematics alone (Graves et al. 2006).

``loss`` is what training minimises, ``reference`` the same recursions written to be read, ``alignment`` the most
probable path of a known text, ``frames`` how many frames a text needs. Searching for a text is the task of
``ocrx.decoding``.

Conventions: logits are [N, T, K] or [T, K] (lines, frames, classes); class 0 is the blank; probabilities are natural
logarithms. May import NumPy, ``ocrx.arrays`` and ``ocrx.text``; only ``loss`` imports torch.
"""
