"""For auditors: the event log, what it proves, and reports."""
