"""Whether what a command printed is what a page shows.

Ids, times and tokens differ from run to run, and so does what a page leaves out with an ellipsis; the rest must be equal.
"""

import json
import re

ELLIPSIS = "…"
CHANGING = [
    ("UUID", re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")),
    ("TIME", re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?")),
    ("TOKEN", re.compile(r"\bsk-ac-[\w…-]+")),
]


def settled(text: str) -> str:
    for name, pattern in CHANGING:
        text = pattern.sub(name, text)
    return text


def text_matches(shown: str, printed: str) -> bool:
    """A line that is an ellipsis stands for any number of lines, one within a line for anything."""
    patterns = []
    for line in settled(shown).strip().split("\n"):
        if line.strip() == ELLIPSIS:
            patterns.append(r"(?:.*\n)*?")
        else:
            patterns.append(r"\s+".join(re.escape(word).replace(ELLIPSIS, ".*") for word in line.split()) + r"[ ]*\n")
    lines = [" ".join(line.split()) for line in settled(printed).strip().split("\n")]
    return re.fullmatch("".join(patterns), "\n".join(lines) + "\n") is not None


def json_faults(shown: object, printed: object, place: str = "$") -> list[str]:
    if isinstance(shown, dict) and isinstance(printed, dict):
        if shown.keys() != printed.keys():
            return [f"{place}: shown {sorted(shown)}, printed {sorted(printed)}"]
        return [fault for key in shown for fault in json_faults(shown[key], printed[key], f"{place}.{key}")]
    if isinstance(shown, list) and isinstance(printed, list):
        if len(shown) != len(printed):
            return [f"{place}: shown {len(shown)} items, printed {len(printed)}"]
        return [fault for n, (a, b) in enumerate(zip(shown, printed)) for fault in json_faults(a, b, f"{place}[{n}]")]
    if isinstance(shown, str) and isinstance(printed, str):
        return [] if text_matches(shown, printed) else [f"{place}: shown {shown!r}, printed {printed!r}"]
    return [] if shown == printed else [f"{place}: shown {shown!r}, printed {printed!r}"]


def faults(language: str, shown: str, printed: str) -> list[str]:
    """What differs; nothing if it is as shown."""
    if language == "json":
        try:
            return json_faults(json.loads(shown), json.loads(printed))
        except ValueError as error:
            return [f"{error}: {printed!r}"]
    return [] if text_matches(shown, printed) else ["the text differs"]
