"""Programs written for Acontext's SDK, and the surface that it has."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pydantic
import pytest
from support.service import OwnService, Service, until

PROGRAMS = Path(__file__).parent / "programs"

#: What SkillRelay does not serve.
LEFT_OUT = {
    "SessionsAPI": {"copy", "add_event", "get_events"},
    "LearningSpacesAPI": set(),
    "UsersAPI": set(),
}


def output(service: Service, program: str, module: str = "skillrelay") -> Any:
    """What a program prints, with its imports changed to a module."""
    source = (PROGRAMS / program).read_text()
    source = re.sub(r"^from acontext\b", f"from {module}", source, flags=re.MULTILINE)
    assert source.count("\nfrom " + module) >= 2
    environment = {"ACONTEXT_API_KEY": service.token, "ACONTEXT_BASE_URL": service.base_url, "PATH": os.environ["PATH"]}
    outcome = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_the_feature_as_its_users_call_it(service: Service) -> None:
    seen = output(service, "mark_a_task.py")

    events = service.events(seen.pop("task"))
    assert seen == {
        "description": "Fix the build",
        "status": "success",
        "status_change_is_ours": True,
        "refused": [404, "task not found or does not belong to this session"],
        "then": "failed",
    }
    assert [event["type"] for event in events] == ["SkillLearnTask"] * 2


def test_its_messages_arrive(own_service: OwnService) -> None:
    task = output(own_service, "mark_a_task.py")["task"]

    until(lambda: len(own_service.messages(task)) == 2, "two messages")


def test_what_a_program_sees_is_what_acontexts_sdk_shows_it(service: Service) -> None:
    pytest.importorskip("acontext", reason="needs Python 3.10")

    ours, theirs = output(service, "tour.py"), output(service, "tour.py", "acontext")

    assert ours == theirs
    assert len(ours) > 15


@pytest.mark.parametrize("prefix", ["", "Async"])
@pytest.mark.parametrize("resource", LEFT_OUT)
def test_each_method_takes_what_acontexts_takes(prefix: str, resource: str) -> None:
    acontext = pytest.importorskip("acontext.resources", reason="needs Python 3.10")
    ours = getattr(importlib.import_module("skillrelay.resources"), prefix + resource)
    module = {"SessionsAPI": "sessions", "LearningSpacesAPI": "learning_spaces", "UsersAPI": "users"}[resource]
    theirs = getattr(
        importlib.import_module(f"{acontext.__name__}.{prefix.lower()}{'_' if prefix else ''}{module}"),
        prefix + resource,
    )

    for name, method in inspect.getmembers(theirs, inspect.isfunction):
        if name.startswith("_") or name in LEFT_OUT[resource]:
            continue
        own = inspect.signature(getattr(ours, name)).parameters
        for parameter in inspect.signature(method).parameters.values():
            assert own[parameter.name].kind == parameter.kind, f"{name}({parameter.name})"
            assert own[parameter.name].default == parameter.default, f"{name}({parameter.name})"
        assert inspect.iscoroutinefunction(getattr(ours, name)) == inspect.iscoroutinefunction(method), name


@pytest.mark.parametrize("kind", ["", "Async"])
def test_the_clients_take_what_acontexts_take(kind: str) -> None:
    acontext = pytest.importorskip("acontext", reason="needs Python 3.10")
    skillrelay = importlib.import_module("skillrelay")
    name = f"Acontext{kind}Client"

    for method in ("__init__", "request", "ping", "aclose" if kind else "close"):
        theirs = inspect.signature(getattr(getattr(acontext, name), method)).parameters
        own = inspect.signature(getattr(getattr(skillrelay, name), method)).parameters
        for parameter in theirs.values():
            assert (own[parameter.name].kind, own[parameter.name].default) == (parameter.kind, parameter.default)


@pytest.mark.parametrize("module", ["session", "learning_space", "user", "skill", "common"])
def test_each_model_has_what_acontexts_has(module: str) -> None:
    theirs = pytest.importorskip(f"acontext.types.{module}", reason="needs Python 3.10")
    ours = importlib.import_module(f"skillrelay.types.{module}")
    shared = 0

    for name, model in inspect.getmembers(ours, lambda each: isinstance(each, type)):
        upstream = getattr(theirs, name, None)
        if not (upstream and issubclass(upstream, pydantic.BaseModel)) or upstream is pydantic.BaseModel:
            continue
        shared += 1
        for field, theirs_is in upstream.model_fields.items():
            assert field in model.model_fields, f"{name}.{field}"
            assert model.model_fields[field].is_required() == theirs_is.is_required(), f"{name}.{field}"
    assert shared or module == "common"


def test_the_words_for_how_far_learning_is() -> None:
    theirs = pytest.importorskip("acontext.types.learning_space", reason="needs Python 3.10").SessionStatus
    from skillrelay.types import SessionStatus

    assert {each.name: str(each) for each in SessionStatus} == {each.name: str(each) for each in theirs}
    assert SessionStatus("completed") is SessionStatus.COMPLETED and f"{SessionStatus.FAILED}" == "failed"


def test_the_errors_have_acontexts_names_and_bases() -> None:
    theirs = pytest.importorskip("acontext.errors", reason="needs Python 3.10")
    ours = importlib.import_module("skillrelay.errors")

    for name, error in inspect.getmembers(theirs, lambda each: isinstance(each, type) and issubclass(each, Exception)):
        assert issubclass(getattr(ours, name), ours.AcontextError)
        if name == "APIError":
            assert set(inspect.signature(error).parameters) <= set(inspect.signature(ours.APIError).parameters)
            assert str(ours.APIError(status_code=500)) == str(error(status_code=500))
        if name == "TimeoutError":
            assert (ours.TimeoutError("late").message, str(ours.TimeoutError())) == ("late", str(error()))


def test_what_acontext_exports_and_we_serve_is_exported() -> None:
    theirs = pytest.importorskip("acontext", reason="needs Python 3.10").__all__
    ours = importlib.import_module("skillrelay").__all__

    left_out = [name for name in theirs if re.search(r"Disk|Project|Claude|Event", name)]
    assert set(theirs) - set(ours) == set(left_out)
