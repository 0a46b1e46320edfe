"""Labelled lines: read in any format, checked, edited on disk, and loaded for training.

    formats   label files in: which layout a folder has, its samples, and what is wrong with the files
    checks    everything that would spoil a training; the HTML report. Entry point: ``checks.run.run_checks``
    edit      changes on disk: split, fix, convert, LMDB, and the journal that keeps them whole
    loading   batches for training: buckets, augmentation, replay

``formats`` knows none of the others; ``checks``, ``edit`` and ``loading`` build on it and not on each other.
``sample`` and ``fingerprint`` are shared by all. The package may import the layers below it (``config``,
``imaging``, ``text``, ``results``, ``model_spec``); only ``loading`` imports torch.
"""
