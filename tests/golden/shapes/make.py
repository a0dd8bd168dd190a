"""What TRL makes of rows: maybe_convert_to_chatml, then maybe_extract_prompt.

Writes rows.json beside it: [{"row", "converted"}]. Made with trl 1.16.0,
transformers 5.24.0 and datasets 5.2.0:

    python tests/golden/shapes/make.py
"""

import copy
import json
from pathlib import Path

from trl import maybe_convert_to_chatml, maybe_extract_prompt


def turn(role, content, **fields):
    return {"role": role, "content": content, **fields}


ask, yes, no = turn("user", "Who sews?"), turn("assistant", "A tailor."), turn("assistant", "No.")
system = turn("system", "Be brief.")
hh = "\n\nHuman: Who sews?\n\nAssistant:"

ROWS = [
    {"prompt": "Who sews?", "completion": " A tailor."},
    {"prompt": [ask], "completion": [yes]},
    {"prompt": [system, ask, yes, ask], "completion": [no]},
    {"messages": [system, ask, yes]},
    {"messages": [{"from": "user", "value": "Who sews?"}, {"from": "assistant", "value": "Me."}]},
    {"conversations": [ask, yes, ask, no]},
    {
        "conversations": [
            {"from": "user", "value": "Who sews?", "weight": 0},
            {"from": "assistant", "value": "A tailor.", "weight": 1},
        ]
    },
    {"prompt": "Who sews?", "chosen": " A tailor.", "rejected": " No."},
    {"prompt": [ask], "chosen": [yes], "rejected": [no]},
    {"chosen": [ask, yes], "rejected": [ask, no]},
    {"chosen": [system, ask, yes, ask, yes], "rejected": [system, ask, yes, ask, no]},
    {"chosen": [yes], "rejected": [no]},
    {"chosen": [ask, yes], "rejected": [ask, yes]},
    {"prompt": "Who sews?", "chosen": [ask, yes], "rejected": [ask, no]},
    {"chosen": f"{hh} A tailor.", "rejected": f"{hh} No."},
    {"chosen": f"{hh} A tailor.", "rejected": f"{hh} A horse."},
    {"chosen": "abc", "rejected": "abcd"},
    {"chosen": "same", "rejected": "same"},
    {"chosen": "x \U0001f600", "rejected": "x \U0001f601"},
    {"chosen": "a", "rejected": "b"},
    {"text": "Who sews? A tailor."},
]


def converted(row):
    return maybe_extract_prompt(maybe_convert_to_chatml(copy.deepcopy(row)))


def main():
    golden = [{"row": row, "converted": converted(row)} for row in ROWS]
    path = Path(__file__).with_name("rows.json")
    lines = ",\n".join(json.dumps(entry) for entry in golden)
    path.write_text(f"[\n{lines}\n]\n")


main()
