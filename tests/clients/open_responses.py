"""The cases of the Open Responses compliance suite (openresponses.org) against a server; each body and event is read by the published types.

Each check prints one line of JSON: its name, and null or what went wrong.

    python open_responses.py http://127.0.0.1:8080
"""
import json
import sys
import traceback
from urllib.request import Request, urlopen

import openresponses_types.types as types
from openresponses_types.types import ResponseResource

URL = sys.argv[1]
TOOL = {
    "type": "function",
    "name": "remember",
    "description": "Keeps a person in mind",
    "parameters": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    },
}


def event_types():
    """Name of an event -> the class that reads it."""
    named = {}
    for cls in vars(types).values():
        if isinstance(cls, type) and cls.__name__.endswith("StreamingEvent"):
            for name in cls.model_fields["type"].annotation:
                named[name.value] = cls
    return named


EVENTS = event_types()


def post(body):
    data = json.dumps({"model": "ember", **body}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer none"}
    with urlopen(Request(f"{URL}/v1/responses", data, headers)) as response:
        return response.read().decode()


def message(role, content):
    return {"type": "message", "role": role, "content": content}


def whole(body):
    answer = json.loads(post(body))
    ResponseResource.model_validate(answer)
    assert answer["output"], answer
    assert answer["status"] == "completed", answer
    return answer


def streamed(body):
    """The events, each of its published type, and the response of the last one."""
    lines = [line[len("data: ") :] for line in post({**body, "stream": True}).splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]", lines[-1]
    events = [json.loads(line) for line in lines[:-1]]
    for event in events:
        EVENTS[event["type"]].model_validate(event)
    last = events[-1]
    assert last["type"] == "response.completed", last
    ResponseResource.model_validate(last["response"])
    return events


def basic_response():
    whole({"input": [message("user", "Hello!")]})


def streaming_response():
    assert "response.output_text.delta" in [event["type"] for event in streamed({"input": [message("user", "Hello!")]})]


def system_prompt():
    whole({"input": [message("system", "Be brief."), message("user", "Hello!")]})


def tool_calling():
    answer = whole({"model": "caller", "input": [message("user", "Ann is seven.")], "tools": [TOOL]})
    assert "function_call" in [item["type"] for item in answer["output"]], answer


def tool_calling_streaming():
    events = streamed({"model": "caller", "input": [message("user", "Ann is seven.")], "tools": [TOOL]})
    of_call = [event["type"] for event in events if event.get("item", {}).get("type") == "function_call"]
    assert of_call == ["response.output_item.added", "response.output_item.done"], of_call
    named = [event["type"] for event in events]
    assert "response.function_call_arguments.delta" in named and "response.function_call_arguments.done" in named, named


def multi_turn():
    whole({"input": [message("user", "My name is Ann."), message("assistant", "Hello Ann!"), message("user", "What is my name?")]})


def previous_response():
    first = whole({"input": "My name is Ann."})
    second = whole({"input": "What is my name?", "previous_response_id": first["id"]})
    assert second["previous_response_id"] == first["id"], second
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"], second


for check in (basic_response, streaming_response, system_prompt, tool_calling, tool_calling_streaming, multi_turn, previous_response):
    try:
        check()
        print(json.dumps({"check": check.__name__, "error": None}), flush=True)
    except Exception:
        print(json.dumps({"check": check.__name__, "error": traceback.format_exc()}), flush=True)
