"""Dates and times as a trading desk reads them: UTC, 24 h, ISO order."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i:s"
TIME_FORMAT = "H:i:s"
DECIMAL_SEPARATOR = "."
NUMBER_GROUPING = 0
