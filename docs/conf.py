"""The documentation site: ``python -m sphinx -W docs build/docs`` writes it, without network, from these pages.

Pages are plain Markdown that also reads well on its own; `docs/index.md` has the order. What is generated is
written by docs/pages.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import regfleet

project = "regfleet"
author = copyright = "The regfleet contributors"
release = version = regfleet.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "pages"]
default_role = "code"  # what docstrings put between single backticks

myst_heading_anchors = 4  # sections are linked to as they are where the files are read
myst_enable_extensions = ["colon_fence"]
myst_url_schemes = ["http", "https", "mailto", "site"]  # site: what `pages` puts beside the pages
nb_execution_mode = "off"  # docs/notebooks/execute.py does, and keeps what it shows

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # they would name types of six libraries that this site cannot link to
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Settings", "params_style")]

html_theme = "furo"
html_title = f"regfleet {release}"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
smartquotes = False  # or --flag becomes –flag
html_copy_source = False
html_show_search_summary = False  # they are fetched, which a page on disk may not do
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
