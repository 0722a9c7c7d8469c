"""What tests share: outcomes and results without training, processes and waiting for them, studies for reports."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""
