"""From logits to text: greedy, beam and Viterbi decoding, constraints on the text, and language models.

``factory.build_decoder`` chooses the decoder that a ``DecodeOptions`` asks for; it is the one entry point for higher
layers. ``greedy`` is the best path, ``beam`` prefix beam search over a batch, ``single_line_beam`` the same for one
line with a language model, ``viterbi`` exact search under a constraint. ``constraints`` and ``regex`` turn
patterns, lexicons and character lists into automata; ``ngram_model`` and ``language_model`` are the language model;
``lattice_plot`` draws the picture of ``ocrx explain``.

May import NumPy, ``ocrx.ctc`` and the layers below it; no torch. Only ``lattice_plot`` uses matplotlib.
"""
