"""The HTTP server: requests in, lines of text out, from one model in this process.

``listening`` is shared with the other local web page of ocrx: where it listens, who may call it and how it stops.
"""

SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Variable of the environment that prometheus_client reads when it is imported: the folder in which several worker
processes add up their numbers."""
