"""`ratchet backtest`: run the analyzer's detection engine on historical data and report what it would have detected.

Read-only, in one process, without a server: rows → columns and scales → dataset → engine → results → report.
"""
