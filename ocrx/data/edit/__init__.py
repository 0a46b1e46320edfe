"""Changes of a dataset on disk: split, fix, convert, LMDB. Originals are kept as ``.bak``; images are never altered.

Label files are replaced all together or not at all (``journal``). Builds on ``formats``; imports neither ``checks``
nor ``loading``.
"""
