"""Backtest: what the service would have said about historic orders, each judged as of its own date."""
