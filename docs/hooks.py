"""MkDocs hooks: the parts of the site that are made from the code, so that they cannot fall behind it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mkdocs.structure.files import File, Files

import visionfw as vf
from visionfw.graph.language.catalog import families, read_catalog

ROOT = Path(__file__).resolve().parent.parent
MODELS = sorted(path.stem for path in (ROOT / "model_defs").glob("[!_]*.py"))
GALLERY_MARK, API_MARK = "<!-- models -->", "<!-- public names -->"


def on_files(files: Files, config: Any) -> Files:
    """Add a drawing of every model to the site."""
    with TemporaryDirectory() as folder:
        for name in MODELS:
            path = Path(folder) / f"{name}.svg"
            vf.draw(vf.definition(name), path)
            files.append(File.generated(config, f"images/models/{name}.svg", content=path.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Fill the marked places of the gallery and of the API reference."""
    if GALLERY_MARK in markdown:
        markdown = markdown.replace(GALLERY_MARK, "\n\n".join(gallery_family(family, members) for family, members in families() if members))
    if API_MARK in markdown:
        markdown = markdown.replace(API_MARK, "\n\n".join(api_section(name, module) for name, module in public_names().items()))
    return markdown


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Mark flags, which browsers would break after their dashes."""
    return re.sub(r"<code>(--[^<\s]{1,40})</code>", r'<code class="flag">\1</code>', html)


def gallery_family(family: str, members: Iterable[str]) -> str:
    """Return the sections of a family of models."""
    return "\n\n".join([f"## {family[0].upper()}{family[1:]}", *(gallery_section(name) for name in members)])


def gallery_section(name: str) -> str:
    """Return a model's section: its file's docstring, its number of parameters, and its drawing, which opens in full size."""
    text = ast.get_docstring(ast.parse((ROOT / "model_defs" / f"{name}.py").read_text(encoding="utf-8"))) or ""
    entry = read_catalog()[name]
    parameters = f"{entry['parameters']:,} parameters with the defaults" + ("; opens and writes files of the reference:" if entry["has_reference"] else ":")
    drawing = f"images/models/{name}.svg"
    return f"### {name}\n\n{text}\n\n{parameters}\n\n[![The graph of {name}]({drawing})]({drawing}){{ .drawing }}"


def public_names() -> dict[str, str]:
    """Return the public names of `visionfw` with the module that defines each."""
    for node in ast.parse((ROOT / "visionfw" / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_CONTENTS":
            return dict(sorted(ast.literal_eval(node.value).items()))
    raise LookupError("visionfw/__init__.py has no table of public names")


def api_section(name: str, module: str) -> str:
    """Return the mkdocstrings directive of one public name."""
    if module.rpartition(".")[2] == name and module.count(".") == 1:  # a package: vf.data, vf.samplers
        return f"::: {module}\n    options:\n      heading: vf.{name}\n      toc_label: vf.{name}\n      members: false"
    return f"::: {module}.{name}\n    options:\n      heading: vf.{name}\n      toc_label: vf.{name}"
