"""Several processes for one training.

``layout`` decides how many there are and on which devices, ``launcher`` starts and watches those of one machine, and
``group`` is what a process uses to talk to the others. May import what ``ocrx.training`` may.
"""
