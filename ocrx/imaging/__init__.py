"""Images: reading files, converting pixels, optional clean-up, preparation for a model. NumPy and Pillow only.

May import ``errors``, ``files``, ``arrays`` and ``model_spec``.
"""
