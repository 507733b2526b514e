"""What Python renders from the chat templates under server/src/test/resources/templates, and from small pieces of the template language.

Run with Python's transformers and jinja2 (any machine with PyPI; the product and its tests never need them):

    python3 -m venv venv && venv/bin/pip install transformers==5.24.0 jinja2==3.1.6
    venv/bin/python server/src/interop/chat_templates.py

It writes conversations.json (what each template makes of each conversation) and language.json beside the templates, which
ChatTemplateTest and TemplateTest compare with what the server renders. With an argument (a directory of further .jinja files) it writes the
same for those into that directory instead, for a look at other models.
"""

import datetime
import glob
import json
import os
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

TEMPLATES = os.path.join(os.path.dirname(__file__), "..", "test", "resources", "templates")
NOW = datetime.datetime(2026, 1, 5, 9, 7, 3)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city, e.g. \"Zürich\"",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string", "description": "The city <name> & country"},
            "days": {"type": "integer", "enum": [1, 2, 3]}}, "required": ["city"]}}},
    {"type": "function", "function": {"name": "add", "description": "Adds",
        "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}}},
]


def call(name, arguments, identity="abc123def"):
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


USER = {"role": "user", "content": "What is 2+2? 你好 😀"}
SYSTEM = {"role": "system", "content": "You are brief.\nVery brief. "}
CALLED = [
    {"role": "user", "content": "Weather in Zürich?"},
    {"role": "assistant", "content": "", "tool_calls": [call("get_weather", {"city": "Zürich", "days": 3, "exact": True, "at": 1.50})]},
    {"role": "tool", "tool_call_id": "abc123def", "name": "get_weather", "content": "{\"degrees\": 21}"},
]
CONVERSATIONS = {
    "user": {"messages": [USER]},
    "user, no generation prompt": {"messages": [USER], "add_generation_prompt": False},
    "system": {"messages": [SYSTEM, USER]},
    "turns": {"messages": [SYSTEM, USER, {"role": "assistant", "content": " 4"}, {"role": "user", "content": "And 3+3?\n"}]},
    "answered": {"messages": [USER, {"role": "assistant", "content": "4"}], "add_generation_prompt": False},
    "reasoned": {"messages": [USER, {"role": "assistant", "content": "<think>\n2+2\n</think>\n\n4"}, USER]},
    "reasoning apart": {"messages": [USER, {"role": "assistant", "reasoning_content": "two and two", "content": "4"}, USER]},
    "no thinking": {"messages": [USER], "variables": {"enable_thinking": False}},
    "date given": {"messages": [USER], "variables": {"date_string": "26 Jul 2024"}},
    "tools": {"messages": [SYSTEM, USER], "tools": TOOLS},
    "tools, no system": {"messages": [USER], "tools": TOOLS},
    "called": {"messages": CALLED, "tools": TOOLS},
    "called, answered": {"messages": [SYSTEM] + CALLED + [{"role": "assistant", "content": "21 degrees."}, USER], "tools": TOOLS},
    "called twice": {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [
        call("add", {"a": 1, "b": 2}, "aaaaaaaa1"), call("add", {"a": 3, "b": -4.5e-7}, "aaaaaaaa2")]},
        {"role": "tool", "tool_call_id": "aaaaaaaa1", "content": "3"},
        {"role": "tool", "tool_call_id": "aaaaaaaa2", "content": "-1"}], "tools": TOOLS},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "in parts"}]}]},
    "wrong order": {"messages": [USER, USER]},
    "unknown role": {"messages": [{"role": "narrator", "content": "Once"}]},
}

VALUES = {"s": "Hello, Wörld! 你好 😀", "n": 7, "f": 2.5, "t": True, "z": None, "l": [3, 1, 2],
    "d": {"b": 1, "a": {"x": [1, "two", None, True]}, "items": 5}, "e": [],
    "m": [{"role": "user", "content": " Hi "}, {"role": "assistant", "content": "Yo"}, {"role": "tool", "content": "x", "k": 3}],
    "big": 12345678901234567890, "q": "it's \"q\"\n\tz\\", "w": "  two  words\n\nthree "}


def rendered(source, **variables):
    try:
        return {"text": _compile_jinja_template(source).render(strftime_now=NOW.strftime, **variables)}
    except Exception as failure:  # whatever Python says: the server must not render it either
        return {"error": f"{type(failure).__name__}: {failure}"}


def write(path, content):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.write("\n")


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else TEMPLATES
    results = {}
    for path in sorted(glob.glob(os.path.join(directory, "*.jinja"))):
        with open(path, encoding="utf-8", newline="") as file:
            source = file.read()
        results[os.path.basename(path)] = {name: rendered(source, messages=one["messages"], tools=one.get("tools"), documents=None,
            add_generation_prompt=one.get("add_generation_prompt", True), **SPECIAL, **one.get("variables", {}))
            for name, one in CONVERSATIONS.items()}
    write(os.path.join(directory, "conversations.json"), {"special": SPECIAL, "now": NOW.isoformat(),
        "conversations": CONVERSATIONS, "rendered": results})
    if directory == TEMPLATES:
        with open(os.path.join(directory, "language.txt"), encoding="utf-8", newline="") as file:
            pieces = file.read().split("\n----\n")
        write(os.path.join(directory, "language.json"), {"now": NOW.isoformat(), "variables": VALUES,
            "pieces": [{"source": piece, **rendered(piece, **VALUES)} for piece in pieces]})


main()
