"""Training: from a configuration to the best model on the validation lines.

``setup`` reads and checks everything and assembles the parts, ``loop`` runs epochs and saves, ``step`` makes one
update, ``distributed`` starts and joins processes. A resumed training equals an uninterrupted one bit for bit.
May import ``evaluation`` and what lies below.
"""
