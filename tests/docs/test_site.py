"""The site is built without a warning, and every document is on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.doc_site import ROOT_PAGES, navigation, relinked, site_path

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"NO_MKDOCS_2_WARNING": "1"}


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(site)]
    return subprocess.run(
        command, env=os.environ | QUIET, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_site_is_built_without_a_warning_and_has_every_page(tmp_path):
    done = build(ROOT / "mkdocs.yml", tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    pages |= {Path(site_path(name)).with_suffix("") for name in ROOT_PAGES}
    folders = {page.parent if page.name == "index" else page for page in pages}
    assert [folder for folder in sorted(folders) if not (tmp_path / folder / "index.html").exists()] == []
    home = (tmp_path / "index.html").read_text("utf-8")
    assert "https://fonts." not in home
    assert "googleapis" not in home


def test_a_broken_link_and_a_page_that_nothing_leads_to_stop_the_build(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Home\n\n## Pages\n\n- [Extra](extra.md)\n")
    (tmp_path / "docs/extra.md").write_text("# Extra\n\n[gone](missing.md) [part](index.md#nowhere)\n")
    (tmp_path / "docs/unlisted.md").write_text("# Not listed\n")
    config = (ROOT / "mkdocs.yml").read_text("utf-8").replace("tools/doc_site.py", str(ROOT / "tools/doc_site.py"))
    plain = config.replace("name: material", "name: mkdocs").replace("  font: false", "  #")
    (tmp_path / "mkdocs.yml").write_text(plain)
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    for words in ("missing.md", "nowhere", "unlisted.md"):
        assert words in done.stderr


def test_the_index_is_the_navigation():
    index = "# Documents\n\n## How to\n\n- [Keep `blocks`](how-to/keep-blocks.md)\n- [Web](https://example.org)\n"
    assert navigation(index)[:2] == [{"Home": "index.md"}, {"How to": [{"Keep blocks": "how-to/keep-blocks.md"}]}]


def test_links_out_of_the_documents_lead_to_the_pages_of_the_root():
    assert relinked("[r](../README.md) [o](../src/a.md)", "index.md") == "[r](project/readme.md) [o](../src/a.md)"
    assert relinked("[c](../../README.md#install)", "how-to/x.md") == "[c](../project/readme.md#install)"
    assert relinked("[d](docs/how-to/x.md#a) [s](SECURITY.md)", "project/readme.md") == (
        "[d](../how-to/x.md#a) [s](../project/security.md)"
    )
    assert relinked("[y](y.md) [w](https://example.org/a.md)", "how-to/x.md") == (
        "[y](../how-to/y.md) [w](https://example.org/a.md)"
    )
