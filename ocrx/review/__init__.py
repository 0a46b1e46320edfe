"""Reviews labels in a browser: a local server, a page, and a journal that survives a kill at any moment.

lines        the lines of a dataset, or of a folder of images without labels
journal      the append-only file of decisions
decisions    the state of each line according to the journal: status, text, undo, conflicts
ranking      runs in the background: findings, readings of a model, likely label errors
line_order   which line comes next
label_files  writes the decisions to the label files
fine_tuning  trains on confirmed lines, in a separate process
session      combines all of these; thread-safe
server       HTTP; ``access`` holds tokens and headers
"""
