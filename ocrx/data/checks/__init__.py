"""Checks of a dataset: everything that would spoil a training, found in one pass.

Start at ``run.run_checks``, which applies all of them and returns ``Findings``:

    labels            each label as a text
    images            each image, its path, and whether its label fits (``geometry``)
    dataset           characters, the dictionary, duplicates and leaks between the parts (``near_duplicates``)
    image_scan        opens every image once, with a cache
    histogram, html_report   pictures of the result

Every finding is an ``Issue`` with a frozen code (``results.FINDING_CODES``). Builds on ``formats``; imports neither
``edit`` nor ``loading``.
"""
