"""What the documentation site takes from the repository: its navigation from docs/index.md, and the pages at the root.

The index is kept complete by a test, so the navigation is too, and nothing is listed twice. README and the like stand
beside the documents; links to them lead to pages made of them.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
FOLDER = "project"
"""Where the pages of the root are on the site."""
_ENTRY = re.compile(r"\[(?P<title>[^\]]+)\]\((?P<path>(?!\w+:|\.\.)[^)#]+\.md)\)")
_LINK = re.compile(r"\]\((?!\w+:)(?P<path>[^)#\s]+)(?P<part>#[^)]*)?\)")


def navigation(index: str) -> list[dict[str, Any]]:
    """The entries of the site, by the headings of the index."""
    nav: list[dict[str, Any]] = [{"Home": "index.md"}]
    for section in index.split("\n## ")[1:]:
        heading = section.partition("\n")[0].strip()
        found = [(entry["title"].replace("`", ""), entry["path"]) for entry in _ENTRY.finditer(section)]
        pages = [{title[:1].upper() + title[1:]: path} for title, path in found]
        if pages:
            nav.append({heading: pages})
    nav.append({"Project": [{page_title(name): site_path(name)} for name in ROOT_PAGES]})
    return nav


def page_title(name: str) -> str:
    """What a page of the root is called."""
    return name.removesuffix(".md").capitalize()


def site_path(name: str) -> str:
    """Where a page of the root is on the site, from the folder of the documents."""
    return f"{FOLDER}/{name.removesuffix('.md').lower()}.md"


def relinked(markdown: str, source: str) -> str:
    """A page with the links that lead out of the documents, or from the root into them, as they are on the site.

    Args:
        source: The page, from the folder of the documents.
    """
    from_root = {site_path(name): name for name in ROOT_PAGES}
    # As the page stands in the repository, from its root.
    here = PurePosixPath(from_root.get(source) or f"docs/{source}").parent
    up = "../" * (len(PurePosixPath(source).parts) - 1)

    def moved(link: re.Match[str]) -> str:
        parts = list[str]()
        for part in (here / link["path"]).parts:
            if part == "..":
                parts[-1:] = []
            else:
                parts.append(part)
        target = "/".join(parts)
        if target in ROOT_PAGES:
            target = site_path(target)
        elif target.startswith("docs/") and target.endswith(".md"):
            target = target.removeprefix("docs/")
        else:
            return link[0]
        return f"]({up}{target}{link['part'] or ''})"

    return _LINK.sub(moved, markdown)


def on_config(config: Any) -> Any:
    """Called by MkDocs once it has read its settings."""
    config.nav = navigation(Path(config.docs_dir, "index.md").read_text("utf-8"))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Called by MkDocs once it knows the files: adds those of the root."""
    from mkdocs.structure.files import File

    for name in ROOT_PAGES:
        text = (ROOT / name).read_text("utf-8")
        if name == "LICENSE":
            text = f"# License\n\n```text\n{text}\n```\n"
        files.append(File.generated(config, site_path(name), content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by MkDocs for each page."""
    return relinked(markdown, page.file.src_uri)
