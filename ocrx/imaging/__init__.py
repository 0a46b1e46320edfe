"""Images: reading files, converting pixels, optional clean-up, and preparing what a model reads. NumPy and Pillow only.

May import ``errors``, ``files``, ``arrays`` and ``model_spec``.
"""
