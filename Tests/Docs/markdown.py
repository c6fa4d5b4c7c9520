"""Markdown, as far as the tests need it: code blocks with what is said of them, headings, links."""

import re
from dataclasses import dataclass

FENCE = re.compile(r"^( *)(`{3,})([^`]*)$")
ITEM = re.compile(r"^(?:[*+-]|\d+\.) +")


@dataclass(frozen=True)
class Block:
    """A code block. The words behind its fence are its language and, if need be, a note: see CONTRIBUTING.md."""

    page: str
    line: int
    language: str
    note: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.language}"


@dataclass(frozen=True)
class Document:
    page: str
    blocks: tuple[Block, ...]
    #: Without its code blocks.
    prose: str

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^#{1,6} +(.+)$", self.prose, re.MULTILINE)

    @property
    def anchors(self) -> set[str]:
        """As GitHub makes them of headings."""
        seen: dict[str, int] = {}
        anchors = set()
        for heading in self.headings:
            words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            anchors.add(f"{slug}-{count}" if count else slug)
        return anchors

    @property
    def links(self) -> list[str]:
        prose = re.sub(r"`[^`]*`", "", self.prose)
        return re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r"^\[[^]]+\]: (\S+)$", prose, re.MULTILINE)


def read(page: str, source: str) -> Document:
    """Reads a page; a block that is indented instead of fenced has no language."""
    lines = source.split("\n")
    blocks: list[Block] = []
    prose: list[str] = []
    margin, index = 0, 0
    while index < len(lines):
        line = lines[index]
        indent = len(line) - len(line.lstrip(" "))
        fence = FENCE.match(line)
        if fence:
            end = index + 1
            while end < len(lines) and not lines[end].strip().startswith(fence[2]):
                end += 1
            text = [inner.removeprefix(fence[1]) for inner in lines[index + 1 : end]]
            language, _, note = fence[3].strip().partition(" ")
            blocks.append(Block(page, index + 1, language, note.strip(), "\n".join(text) + "\n"))
            index = end + 1
        elif line.strip() and indent >= margin + 4 and not (prose and prose[-1].strip()):
            end = index
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * (margin + 4))):
                end += 1
            blocks.append(Block(page, index + 1, "", "", "\n".join(lines[index:end])))
            index = end
        else:
            item = ITEM.match(line)
            if item:
                margin = item.end()
            elif line.strip() and indent == 0 and not (prose and prose[-1].strip()):
                margin = 0
            prose.append(line)
            index += 1
    return Document(page, tuple(blocks), "\n".join(prose))
