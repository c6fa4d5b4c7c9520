"""Which pages there are, and what their blocks say of themselves."""

import re
from functools import cache
from pathlib import Path

import markdown
from markdown import Block, Document
from runner import LANGUAGES
from world import REPOSITORY

#: They begin with nothing but the two servers: what they need, they make.
FROM_NOTHING = {"README.md", "docs/quick-start.md", "docs/configuration.md"}
PICTURES = {"mermaid"}
OUTPUTS = {"json", "text"}
NOTE = re.compile(r"not run: (?P<reason>\S.*)|background \w+|exits \d+|output( of \w+)?")


def names() -> list[str]:
    top = [name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
    return top + sorted(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "docs").rglob("*.md"))


def of_clients() -> list[str]:
    """Each client's tests run its page."""
    return sorted(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "clients").glob("*/README.md"))


def with_blocks() -> list[str]:
    return [name for name in names() if any(runs(block) for block in read(name).blocks)]


@cache
def read(page: str) -> Document:
    return markdown.read(page, (REPOSITORY / page).read_text())


def reason(block: Block) -> str | None:
    """Why it is not run; None if it is."""
    match = NOTE.fullmatch(block.note)
    return match["reason"] if match else None


def runs(block: Block) -> bool:
    """Or is compared with what the last one printed."""
    return reason(block) is None and block.language not in PICTURES


def fault(block: Block) -> str | None:
    """What is wrong with what a block says of itself."""
    if not block.language:
        return "has no language: write ```sh, or ```text not run: why"
    if block.note and not NOTE.fullmatch(block.note):
        return f"what is {block.note!r}?"
    if block.language in PICTURES or reason(block):
        return None
    if block.note.startswith("output"):
        return None if block.language in OUTPUTS else "output is text or json"
    if block.language not in LANGUAGES:
        return f"nobody knows how to run {block.language}"
    return None


def file(path: str) -> Path:
    return REPOSITORY / path
