"""Write customers.csv: 600 made-up customers of a made-up gym, with what real tables are full of.

Missing values, a number column with words in it, dates, free text, an identifier, a column that never changes, and one
that gives the target away: whether the membership ended. Run it again and it writes the same bytes.
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

ROWS = 600
TOWNS = ("Ashby", "Bree", "Colne", "Deal", "Epsom")
PLANS = ("basic", "family", "gold")
COLUMNS = ("customer", "age", "plan", "town", "joined", "visits_per_month", "complaints", "last_message", "country")
REASONS = ("the opening hours", "the showers", "a broken treadmill", "parking", "the friendly staff", "a lost key")


def main() -> None:
    """Write the file beside this script."""
    draw = np.random.default_rng(7)
    age = draw.integers(16, 81, ROWS)
    plan = draw.choice(3, ROWS, p=(0.6, 0.25, 0.15))
    visits = draw.gamma(2.0, 3.0 + 1.5 * plan)
    joined = draw.integers(0, 1400, ROWS)
    complaints = draw.poisson(0.7, ROWS)
    risk = 0.4 - 0.32 * visits + 0.75 * complaints - 0.4 * plan + 0.25 * (age < 26) + 0.0006 * joined
    churned = draw.random(ROWS) < 1 / (1 + np.exp(-risk))
    with (Path(__file__).parent / "customers.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*COLUMNS, "ended", "churned"])
        for i in range(ROWS):
            start = date(2021, 1, 4) + timedelta(days=int(joined[i]))
            message = (
                f"{draw.choice(('asked', 'wrote', 'called'))} about {draw.choice(REASONS)}, visit {draw.integers(90)}"
            )
            rows.writerow(
                [
                    f"C-{draw.integers(10**6):06d}-{i:03d}",
                    ("unknown", "")[draw.integers(2)] if draw.random() < 0.06 else age[i],
                    PLANS[plan[i]],
                    "" if draw.random() < 0.1 else draw.choice(TOWNS),
                    start.isoformat(),
                    "" if draw.random() < 0.1 else f"{visits[i]:.1f}",
                    complaints[i],
                    message if complaints[i] or draw.random() < 0.3 else "",
                    "UK",
                    "yes" if churned[i] else "no",
                    "yes" if churned[i] else "no",
                ]
            )


if __name__ == "__main__":
    main()
