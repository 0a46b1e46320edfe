"""What each command does, one file per command: values in, a report out; never printing, never exiting.

May import everything but ``cli`` and other modes: what two modes need lives one layer below.
"""
