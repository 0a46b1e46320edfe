"""From samples to batches of a training: buckets of width, augmentation, replayed lines, the order of an epoch.

The order of batches is a pure function of the seed, the epoch and the widths; what a batch holds does not depend on the
thread that makes it. May import ``data`` itself and what lies below it; no torch but where a batch becomes tensors.
"""
