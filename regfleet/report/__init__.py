"""The report: figures, page and exports, written from the analysis' records; nothing here computes a statistic."""

from regfleet.report.context import fragment as summary_html
from regfleet.report.gallery import export as export_figures
from regfleet.report.gallery import figures as matplotlib_figures
from regfleet.report.page import get_ready, render, write

__all__ = ["export_figures", "get_ready", "matplotlib_figures", "render", "summary_html", "write"]
