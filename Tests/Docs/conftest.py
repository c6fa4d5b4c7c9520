import pages
import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What of README and docs is run, and why the rest is not."""
    blocks = [block for name in pages.names() for block in pages.read(name).blocks]
    reasons = [(block, pages.reason(block)) for block in blocks]
    terminalreporter.section("code blocks")
    run = sum(why is None for _, why in reasons)
    terminalreporter.line(f"{run} run, drawn, or compared with what was printed, {len(blocks) - run} not:")
    for block, why in reasons:
        if why:
            terminalreporter.line(f"  {block}: {why}")
