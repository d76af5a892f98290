"""How Sphinx makes a site of the documents: `make docs`.

The folder of sources is the whole checkout, so that documents link each other as on a code host.
"""

from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

project = "diversevis"
release = metadata.version("diversevis")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

root_doc = "README"
include_patterns = [
    "*.md",
    "config/README.md",
    "docs/*.md",
    "docs/api/*.rst",
    "docs/notebooks/*.ipynb",
]
# But for templates, these only save the time to look through them.
exclude_patterns = ["docs/*.template.md", ".*", "build", "figures", "results", "src", "tests"]

# --- Documents and notebooks ----------------------------------------------------------------------
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
highlight_language = "none"  # indented blocks are commands and formulas
nb_execution_mode = "off"  # notebooks are shown as they are committed
nb_ipywidgets_js: dict[str, Any] = {}  # by default these come from a host
html_math_renderer = "mathml"  # the default one comes from a host

# --- The reference --------------------------------------------------------------------------------
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
# As parameters are: several names may share an entry.
napoleon_custom_sections = [("Attributes", "params_style")]
add_module_names = False
toc_object_entries_show_parents = "hide"

# --- How it looks ---------------------------------------------------------------------------------
html_theme = "furo"
html_title = "diversevis"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/atlas.html",
        "sidebar/scroll-end.html",
    ]
}

_LISTED = re.compile(r"^\| \[(.+?)\]\((.+?)\.md\) \|", re.MULTILINE)


def add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    """List the pages that README's table lists, then the reference and the notebooks."""
    if docname != root_doc:
        return
    listed = [f"{title} <{page}>" for title, page in _LISTED.findall(source[0])]
    notebooks = sorted(app.srcdir.glob("docs/notebooks/*.ipynb"))
    for caption, pages in {
        "Read on": listed,
        "In Python": ["docs/api/index"],
        "Notebooks": [f"docs/notebooks/{path.stem}" for path in notebooks],
    }.items():
        if pages:
            lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
            source[0] += "\n".join(["\n", *lines, ""])


def list_folders(app: Sphinx, doctree: nodes.document) -> None:
    """Put links to the files of a folder in place of a link to the folder, which has no page."""
    for link in [*doctree.findall(addnodes.pending_xref)]:
        if link["reftype"] != "myst" or link["refdomain"] is not None:
            continue
        folder = Path(app.env.relfn2path(link["reftarget"], app.env.docname)[1])
        if not folder.is_dir():
            continue
        links: list[nodes.Node] = [nodes.Text(f"{link.astext()}:")]
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            target = f"/{file.relative_to(app.srcdir).as_posix()}"
            name = nodes.Text(file.name)
            links += [nodes.Text(" "), addnodes.download_reference("", "", name, reftarget=target)]
        link.replace_self(links)


def show_files(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let links to files open them, which Sphinx would save, and a picture open by itself."""
    here = app.builder.get_target_uri(docname)
    for link in [*doctree.findall(addnodes.download_reference)]:
        if "filename" in link:  # else there is no such file, of which Sphinx has warned
            there = relative_uri(here, f"_downloads/{link['filename']}")
            link.replace_self(nodes.reference("", "", *link.children, refuri=there))
    for image in [*doctree.findall(nodes.image)]:
        if image["uri"] in app.env.images:
            there = relative_uri(here, f"_images/{app.env.images[image['uri']][1]}")
            image.replace_self(nodes.reference("", "", image.copy(), refuri=there))


def write_formula(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers draw by themselves."""
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def tell_of_atlas(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Say whether there is an atlas to link."""
    context["atlas"] = app.config.atlas


def finish(app: Sphinx, error: Exception | None) -> None:
    """Let the site start with README, and put the atlas beside it."""
    if error is None:
        shutil.copyfile(app.outdir / f"{root_doc}.html", app.outdir / "index.html")
        if app.config.atlas:
            shutil.copytree(app.config.atlas, app.outdir / "atlas")


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.add_config_value("atlas", "", "html")
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("source-read", add_navigation)
    app.connect("doctree-read", list_folders, priority=100)  # before Sphinx notes linked files
    app.connect("doctree-resolved", show_files)
    app.connect("html-page-context", tell_of_atlas)
    app.connect("build-finished", finish)
