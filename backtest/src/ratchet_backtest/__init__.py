"""`ratchet backtest`: a file of the past, through the very same ledger as the service, and a report of what it finds.

Read-only, in one process, without a server: files → columns and scales → compact past → ledger → findings → report.
"""
