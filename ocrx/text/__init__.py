"""Text: charsets, the normal form, right-to-left order and the metrics. No torch.

May import ``errors``, ``files`` and ``model_spec`` (for types).
"""
