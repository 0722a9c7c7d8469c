"""Run the notebooks and keep what they show: ``python docs/notebooks/execute.py [NAME …]``; without names, all.

Each runs in an empty folder with the tables of examples/. What differs from run to run, the times of cells, is left
out, and a hash of the cells is kept, by which a test sees that what is shown belongs to them.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"


def fingerprint(notebook: dict[str, Any]) -> str:
    """A hash of the code of a notebook."""
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def execute(path: Path) -> None:
    """Run one notebook and write it with what its cells show; an error in a cell is raised, and nothing written."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        for table in EXAMPLES.glob("*.csv"):
            shutil.copy(table, folder)
        NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
        ).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "regfleet": fingerprint(notebook),
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
            for shown in (one.data for one in cell.outputs if "text/html" in one.get("data", ())):
                shown.pop("text/plain", None)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for notebook_path in sorted(HERE.glob("*.ipynb")):
        if len(sys.argv) == 1 or notebook_path.stem in sys.argv[1:]:
            execute(notebook_path)
            print(f"ran {notebook_path.name}")
