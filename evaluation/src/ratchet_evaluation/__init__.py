"""`ratchet eval`: run an app with a candidate prompt and a baseline on a golden set, and decide between them.

`domain` is pure: cases, evaluators, statistics and the verdict. The rest reads files, runs the app and writes reports.
"""
