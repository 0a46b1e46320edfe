"""From samples to training batches: width buckets, augmentation, replayed lines, the order of an epoch.

The order of batches is a pure function of the seed, the epoch and the widths; the content of a batch does not depend on
the thread that prepares it. May import ``data`` itself and the layers below it; only ``loader`` uses torch.
"""
