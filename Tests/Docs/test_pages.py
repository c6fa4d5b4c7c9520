"""README and docs are true: what they show is run, where they point there is something, what they list is complete."""

import json
import re
from xml.etree import ElementTree

import mermaidx
import pages
import pytest
from markdown import Block
from runner import Runner
from special import AFTERWARDS, EACH, PREPARATIONS, SETTINGS
from world import World

PAGES = pages.names()


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    faults = {str(block): pages.fault(block) for block in pages.read(page).blocks}
    assert not {block: fault for block, fault in faults.items() if fault}


@pytest.mark.parametrize("page", pages.with_blocks())
def test_blocks_do_what_the_page_says(page: str, tmp_path) -> None:
    world = World(tmp_path, page not in pages.FROM_NOTHING, SETTINGS.get(page, lambda _: {}))
    try:
        PREPARATIONS.get(page, lambda _: None)(world)
        runner = Runner(world)
        for block in pages.read(page).blocks:
            if pages.runs(block):
                EACH.get(page, lambda *_: None)(world, block)
                run(runner, block)
    finally:
        world.close()


def run(runner: Runner, block: Block) -> None:
    fault = None
    try:
        runner.run(block)
    except Exception as error:
        fault = error
    if fault:
        pytest.fail(f"{block}\n{block.text}\n{type(fault).__name__}: {fault}", pytrace=False)


def test_pictures_can_be_drawn() -> None:
    blocks = [block for page in PAGES for block in pages.read(page).blocks if block.language in pages.PICTURES]
    for block in blocks:
        assert mermaidx.render(block.text).svg().startswith("<svg"), block
    for path in pages.file("docs").rglob("*.svg"):
        ElementTree.parse(path)


@pytest.mark.parametrize("page", PAGES + pages.of_clients())
def test_links_lead_somewhere(page: str) -> None:
    dead = []
    for link in pages.read(page).links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (pages.file(page).parent / path).resolve() if path else pages.file(page)
        if not target.exists():
            dead.append(link)
        elif anchor and anchor not in pages.read(str(target.relative_to(pages.REPOSITORY))).anchors:
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("page", PAGES)
def test_files_and_tests_that_are_named_are_there(page: str) -> None:
    prose = pages.read(page).prose
    paths = re.findall(r"`((?:Sources|Tests|scripts|sql|deploy|docs|clients)/[\w./+-]+)", prose)
    assert not [path for path in paths if not pages.file(path).exists()]
    suites = set(re.findall(r"`(\w+Tests)`", prose))
    swift = "".join(path.read_text() for path in pages.file("Tests").rglob("*.swift"))
    assert not [name for name in suites if f"struct {name}" not in swift and not pages.file(f"Tests/{name}").exists()]


def test_the_index_names_every_page() -> None:
    index = {link.partition("#")[0] for link in pages.read("docs/README.md").links}
    listed = {str(path.name) for path in pages.file("docs").glob("*.md")} - {"README.md"}
    assert listed <= index


def test_the_api_page_has_every_route_and_no_other() -> None:
    document = json.loads(pages.file("Sources/Assets/Resources/openapi.json").read_text())
    routes = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if method != "parameters" and not path.startswith("/admin/")
    }
    headings = {heading for heading in pages.read("docs/api.md").headings if re.match(r"[A-Z]+ /", heading)}
    # A path that another one's parameter could be is told of there.
    patterns = [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(heading))) for heading in headings]
    assert headings <= routes
    assert not {route for route in routes if not any(pattern.fullmatch(route) for pattern in patterns)}
