#!/usr/bin/env python3
"""Writes the asynchronous modules from the synchronous ones, which alone are edited.

    ./async_twins.py            writes them
    ./async_twins.py --check    ends with 1 if one is not what it would write

They are the same code but for the words below; a test runs the check.
"""

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "src" / "skillrelay"
TWINS = ["client.py", "resources/learning_spaces.py", "resources/sessions.py", "resources/users.py"]

WORDS = [
    # Titles.
    (r'^"""The synchronous client\.', '"""The asynchronous client.'),
    (r"A client that blocks\. Threads may share one; close it, or use it in a `with`\.",
     "A client for asyncio. The tasks of one event loop may share one; close it, or use it in an `async with`."),
    # Imports and names.
    (r"^import json\nimport time$", "import asyncio\nimport json"),
    (r"^import time$", "import asyncio"),
    (r"\btime\.sleep\b", "asyncio.sleep"),
    (r"\bSkillRelayClient\b", "SkillRelayAsyncClient"),
    (r"\bhttpx\.Client\b", "httpx.AsyncClient"),
    (r"\b(Sender|SessionsAPI|LearningSpacesAPI|UsersAPI)\b", r"Async\1"),
    (r"\bIterator\b", "AsyncIterator"),
    (r"\.resources\.(\w+)", r".resources.async_\1"),
    (r"\bpages\b(?=\(|$)", "async_pages"),
    (r"\b__(enter|exit)__\b", r"__a\1__"),
    (r"\bclose\(", "aclose("),
    # Where to wait.
    (r"^    def (?!__init__|_session)", "    async def "),
    (r"\bfor page in\b", "async for page in"),
    (r"\bfor task in self\.iter_", "async for task in self.iter_"),
    (r"(?<![\w.])(self\._sender\.send|self\.send|self\._attempt|self\._http\.(?:send|aclose)|self\.aclose|asyncio\.sleep)\(",
     r"await \1("),
    (r"\b(tasks = )(self\.get_tasks\()", r"\1await \2"),
]  # fmt: skip


def asynchronous(source: str, name: str) -> str:
    for word, twin in WORDS:
        source = re.sub(word, twin, source, flags=re.MULTILINE)
    title, rest = source.split("\n", 1)
    return f"{title}\n\n# Written by async_twins.py from {name}: edit that.\n{rest}"


def main() -> int:
    stale = []
    for name in TWINS:
        path = PACKAGE / name
        twin = path.with_name(f"async_{path.name}")
        text = asynchronous(path.read_text(), path.name)
        if not twin.exists() or twin.read_text() != text:
            stale.append(twin.name)
            if "--check" not in sys.argv:
                twin.write_text(text)
    if stale and "--check" in sys.argv:
        print(f"not as async_twins.py writes them: {', '.join(stale)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
