"""Changes to a dataset on disk: split, fix, convert, LMDB. Originals are kept as ``.bak``; images are never altered.

Label files are replaced together or not at all (``journal``). Builds on ``formats``; imports neither ``checks`` nor
``loading``.
"""
