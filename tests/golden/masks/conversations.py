"""The conversations of the mask goldens, and which templates want them in another form."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather at a place",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "Its name"}},
                "required": ["city"],
            },
        },
    }
]


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **fields):
    return {"role": "assistant", "content": content, **fields}


def calling(**fields):
    """A call of a tool, its answer and what the assistant makes of it."""
    function = {"name": "get_weather", "arguments": {"city": "Oslo"}}
    call = {"id": "call12345", "type": "function", "function": function}
    return [
        user("How is Oslo?"),
        {"role": "assistant", **fields, "tool_calls": [call]},
        {"role": "tool", "name": "get_weather", "tool_call_id": "call12345", "content": "12 degrees"},
        assistant("Mild, 12 degrees."),
    ]


CONVERSATIONS = {
    "one turn": [user("Who sews?"), assistant("A tailor sews.")],
    "three turns": [
        user("Who sews?"),
        assistant("A tailor sews."),
        user("Which colour?"),
        assistant("It is green."),
        user("Why?"),
        assistant("I do not know."),
    ],
    "ends with a user": [user("Who sews?"), assistant("A tailor sews."), user("Which colour?")],
    "begins with an assistant": [
        assistant("Ahoy, ask me."),
        user("Who sews?"),
        assistant("A tailor sews."),
    ],
    "two assistants in a row": [
        user("Who sews?"),
        assistant("A tailor sews."),
        assistant("So does a sailor."),
    ],
    "system": [
        {"role": "system", "content": "Speak like a pirate."},
        user("Who sews?"),
        assistant("A tailor, arr."),
        user("Which colour?"),
        assistant("Green, arr."),
    ],
    "call with empty content": calling(content=""),
    "call with null content": calling(content=None),
    "call without content": calling(),
    "reasoning in content": [
        user("Who sews?"),
        assistant("<think>\nCloth needs a needle.\n</think>\n\nA tailor sews."),
        user("Which colour?"),
        assistant("<think>\nGrass has it.\n</think>\n\nIt is green."),
    ],
    "reasoning as a field": [
        user("Who sews?"),
        assistant("A tailor sews.", reasoning_content="Cloth needs a needle."),
        user("Which colour?"),
        assistant("It is green.", reasoning_content="Grass has it."),
    ],
    "empty answer": [user("Who sews?"), assistant(""), user("Well?"), assistant("A tailor sews.")],
    "weight 0": [
        user("Who sews?"),
        assistant("A horse.", weight=0),
        user("No. Who sews?"),
        assistant("A tailor sews.", weight=1),
    ],
    "unicode": [
        user("Wer näht Kleider? 裁缝 👩‍🔧"),
        assistant("Ein Schneider näht. 裁缝缝 🧵"),
        user("Größe?"),
        assistant("\u00e9 e\u0301 Größe 👍🏽"),
    ],
}

WITH_TOOLS = tuple(name for name in CONVERSATIONS if name.startswith("call"))

#: Templates that read content as a list of parts only. TRL gives them such messages, too
#: (prepare_multimodal_messages in trl/data_utils.py).
OF_PARTS = ("idefics3", "llava_next", "smolvlm")

#: Templates that join a call's arguments as text.
OF_TEXT_ARGUMENTS = ("deepseekv3", "deepseek_r1_distill")
