"""The HTTP server: requests in, lines of text out, from one model in this process.

``listening`` is shared with the other local web page of ocrx: where it listens, who may call it and how it stops.
"""
