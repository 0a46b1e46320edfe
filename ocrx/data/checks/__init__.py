"""Checks of a dataset: everything that would spoil a training, found in one pass.

Start at ``run.run_checks``, which runs all checks and returns ``Findings``:

    labels                   the text of each label
    images                   each image, its path, and whether its label fits (``geometry``)
    dataset                  characters, the dictionary, duplicates and leaks between the parts (``near_duplicates``)
    image_scan               opens every image once and caches the result
    histogram, html_report   present the result

Every finding is an ``Issue`` with a frozen code (``results.FINDING_CODES``). Builds on ``formats``; imports neither
``edit`` nor ``loading``.
"""
