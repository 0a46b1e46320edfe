"""The review of labels in a browser: a local server, a page, and a journal that loses nothing.

lines        the lines of a dataset, or of a folder of images without labels
journal      the append-only file of decisions
decisions    what the journal says about each line: its status, its text, undo, conflicts
ranking      in the background: findings, what a model reads, how likely each label is wrong
line_order   which line comes next
label_files  writes the decisions into the label files
fine_tuning  trains on what is confirmed, in a process of its own
session      all of these together; safe to call from several threads
server       HTTP; ``access`` holds tokens and headers
"""
