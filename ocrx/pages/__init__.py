"""Finds the lines of text on a page: detection, orientation, crops, and the order in which they are read.

Nothing here recognises text. The networks come from the wheel ``rapidocr`` (extra ``page``), loaded on first use.
"""
