"""Labelled lines: read in any format, checked, edited on disk, and loaded for training.

    formats   reading label files: the layout of a folder, its samples, and problems with the files
    checks    everything that would spoil a training, and the HTML report; start at ``checks.run.run_checks``
    edit      changes on disk: split, fix, convert, LMDB, and the journal that makes them atomic
    loading   batches for training: buckets, augmentation, replay

``formats`` imports none of the others; ``checks``, ``edit`` and ``loading`` build on it but not on each other. All
share ``sample`` and ``fingerprint``. The package may import the layers below it (``config``, ``imaging``, ``text``,
``results``, ``model_spec``); only ``loading`` imports torch.
"""
