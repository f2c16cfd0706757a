from analyzer.backtest.report import Report


def page(found: Report) -> str:
    return ""
