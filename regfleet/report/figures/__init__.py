"""The report's figures: functions from `Summary` records to matplotlib figures. They draw; they never compute."""

from regfleet.report.figures.drawings import FIGURES, OVERVIEW, Drawing

__all__ = ["FIGURES", "OVERVIEW", "Drawing"]
