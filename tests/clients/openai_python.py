"""The official client of Python, unmodified, against a server. Each check prints one line of JSON: its name, and null or what went wrong.

    python openai_python.py http://127.0.0.1:8080
"""
import json
import re
import sys
import threading
import time
import traceback
from urllib.request import urlopen

import openai
from openai import OpenAI

URL = sys.argv[1]
GREETING = "Hello! I am Ember. How can I help you?"
MESSAGES = [{"role": "user", "content": "Hello!"}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "remember", "parameters": PERSON}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}


def client(max_retries=0):
    return OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=max_retries)


def get(path):
    with urlopen(URL + path) as response:
        return response.read().decode()


def until(what, test):
    deadline = time.monotonic() + 10
    while not test():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within 10 s: {what}")


def check_person(text):
    person = json.loads(text)
    assert sorted(person) == ["age", "name"], person
    assert isinstance(person["name"], str) and len(person["name"]) <= 8, person
    assert type(person["age"]) is int and 0 <= person["age"] <= 99, person


def chat():
    answer = client().chat.completions.create(model="ember", messages=MESSAGES)
    assert answer.choices[0].message.content == GREETING, answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert answer._request_id.startswith("req_"), answer._request_id
    assert client().responses.create(model="ember", input="Hello!").output_text == GREETING
    assert "ember" in [model.id for model in client().models.list()]


def stream():
    text, total = "", 0
    options = {"include_usage": True}
    for chunk in client().chat.completions.create(model="ember", messages=MESSAGES, stream=True, stream_options=options):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        total = chunk.usage.total_tokens if chunk.usage else total
    assert text == GREETING, text
    assert total == client().chat.completions.create(model="ember", messages=MESSAGES).usage.total_tokens
    with client().responses.stream(model="ember", input="Hello!") as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == GREETING, text


def tools():
    own = client().chat.completions.create(model="caller", messages=MESSAGES, tools=[TOOL])
    assert own.choices[0].finish_reason == "tool_calls", own
    assert json.loads(own.choices[0].message.tool_calls[0].function.arguments) == {"name": "Ann", "age": 7}, own
    with client().chat.completions.stream(
        model="ember", messages=MESSAGES, tools=[TOOL], tool_choice="required", temperature=1, max_tokens=120
    ) as events:
        message = events.get_final_completion().choices[0].message
    check_person(message.tool_calls[0].function.arguments)


def structured_output():
    request = {"model": "ember", "messages": MESSAGES, "temperature": 1, "max_tokens": 120}
    check_person(client().chat.completions.create(**request, response_format=FORMAT).choices[0].message.content)
    pieces = client().chat.completions.create(**request, response_format=FORMAT, stream=True)
    check_person("".join(chunk.choices[0].delta.content or "" for chunk in pieces))


def embeddings():
    vectors = client().embeddings.create(model="vectors", input=["Hello!", "Something else."])
    assert [len(one.embedding) for one in vectors.data] == [192, 192], vectors


def abort():
    answer = client().chat.completions.create(model="endless", messages=MESSAGES, stream=True)
    for chunk in answer:
        if chunk.choices[0].delta.content:
            break
    answer.close()
    until("nothing runs", lambda: json.loads(get("/load"))["running"] == 0)
    newest = json.loads(get("/v1/cluster/traces"))["traces"][0]["id"]
    error = json.loads(get(f"/v1/cluster/traces/{newest}"))["error"]
    assert error and "the client went away" in error, error


def refusal(kind, ask):
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def errors():
    create = client().chat.completions.create
    missing = refusal(openai.NotFoundError, lambda: create(model="none", messages=MESSAGES))
    assert (missing.code, missing.param) == ("model_not_found", "model"), missing
    wrong = refusal(openai.BadRequestError, lambda: create(model="ember", messages=MESSAGES, temperature=3))
    assert wrong.param == "temperature", wrong


def refusals():
    found = re.search(r'^ringlet_failed_requests_total\{code="queue_full"\} (\d+)$', get("/metrics"), re.MULTILINE)
    return int(found[1]) if found else 0


def refused_once(ask):
    """What comes of `ask` when every place is taken, and free again once it was refused."""
    holder = client().chat.completions.create(model="endless", messages=MESSAGES, n=2, stream=True)
    next(iter(holder))
    before, outcome = refusals(), []

    def run():
        try:
            outcome.append(ask())
        except openai.APIError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until("a refusal", lambda: refusals() > before)
    holder.close()
    thread.join()
    return outcome[0]


def retries():
    again = refused_once(lambda: client(max_retries=2).chat.completions.create(model="ember", messages=MESSAGES))
    assert not isinstance(again, Exception), again
    assert again.choices[0].message.content == GREETING, again
    once = refused_once(lambda: client().chat.completions.create(model="ember", messages=MESSAGES))
    assert isinstance(once, openai.RateLimitError), once


for check in (chat, stream, tools, structured_output, embeddings, abort, errors, retries):
    try:
        check()
        print(json.dumps({"check": check.__name__, "error": None}), flush=True)
    except Exception:
        print(json.dumps({"check": check.__name__, "error": traceback.format_exc()}), flush=True)
