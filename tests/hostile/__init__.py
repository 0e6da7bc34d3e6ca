"""Files made to do harm, and a process that opens them under watch.

`kinds.py` makes a file of each kind, `fuzz.py` damages good ones, and `guard.py` opens files in a process with limited
memory, in which opening anything else, a socket, an import, or running code is an error.
"""
