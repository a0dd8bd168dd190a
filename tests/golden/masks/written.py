"""Expected trained stretches where TRL has no training template that renders the same text, and why.

They are written from reading each template, not computed by a mask: an answer is what the model must say behind
the header that `add_generation_prompt` appends, to the end of turn and the newline behind it. `answers` gives the
common case (the contents with the end of turn behind them); the tables name what a template does otherwise.
"""

from conversations import CONVERSATIONS


def answers(end, change=None):
    """For each conversation the contents of its answers with `end` behind each; `change` names the exceptions."""
    expected = {}
    for name, conversation in CONVERSATIONS.items():
        spoken = [message for message in conversation if message["role"] == "assistant" and message.get("weight") != 0]
        expected[name] = [(message.get("content") or "") + end for message in spoken]
    return {**expected, **(change or {})}


IM_END = "<|im_end|>\n"
EMPTY = "<think>\n\n</think>\n\n"
QWEN3_CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>' + IM_END
QWEN3_5_CALL = "<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n</function>\n</tool_call>" + IM_END

# Qwen3 writes a thought into answers behind the last question only: an empty one into the last answer.
# One in content is moved there; a thought before the last question is cut away.
QWEN3 = answers(
    IM_END,
    {
        "one turn": [EMPTY + "A tailor sews." + IM_END],
        "three turns": ["A tailor sews." + IM_END, "It is green." + IM_END, EMPTY + "I do not know." + IM_END],
        "begins with an assistant": ["Ahoy, ask me." + IM_END, EMPTY + "A tailor sews." + IM_END],
        "two assistants in a row": ["A tailor sews." + IM_END, EMPTY + "So does a sailor." + IM_END],
        "system": ["A tailor, arr." + IM_END, EMPTY + "Green, arr." + IM_END],
        **dict.fromkeys(
            ("call with empty content", "call with null content", "call without content"),
            [QWEN3_CALL, EMPTY + "Mild, 12 degrees." + IM_END],
        ),
        "reasoning in content": [
            "A tailor sews." + IM_END,
            "<think>\nGrass has it.\n</think>\n\nIt is green." + IM_END,
        ],
        "reasoning as a field": [
            "A tailor sews." + IM_END,
            "<think>\nGrass has it.\n</think>\n\nIt is green." + IM_END,
        ],
        "empty answer": [IM_END, EMPTY + "A tailor sews." + IM_END],
        "weight 0": [EMPTY + "A tailor sews." + IM_END],
        "unicode": ["Ein Schneider näht. 裁缝缝 🧵" + IM_END, EMPTY + "\u00e9 e\u0301 Größe 👍🏽" + IM_END],
    },
)

# Qwen3.5 and 3.6 write one into every answer behind the last question.
QWEN3_5 = {
    **QWEN3,
    "two assistants in a row": [EMPTY + "A tailor sews." + IM_END, EMPTY + "So does a sailor." + IM_END],
    **dict.fromkeys(
        ("call with empty content", "call with null content", "call without content"),
        [EMPTY + QWEN3_5_CALL, EMPTY + "Mild, 12 degrees." + IM_END],
    ),
}

# GLM 4 MoE ends an answer with the token that opens the next turn, and does not end the last one. It writes the thought
# of answers behind the last question, an empty one elsewhere.
NO_THOUGHT = "\n<think></think>"
GLM_CALL = (
    NO_THOUGHT
    + "\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n</tool_call><|observation|>"
)
GLM = {
    "one turn": [NO_THOUGHT + "\nA tailor sews."],
    "three turns": [
        NO_THOUGHT + "\nA tailor sews.<|user|>",
        NO_THOUGHT + "\nIt is green.<|user|>",
        NO_THOUGHT + "\nI do not know.",
    ],
    "ends with a user": [NO_THOUGHT + "\nA tailor sews.<|user|>"],
    "begins with an assistant": [NO_THOUGHT + "\nAhoy, ask me.<|user|>", NO_THOUGHT + "\nA tailor sews."],
    "two assistants in a row": [NO_THOUGHT + "\nA tailor sews.", NO_THOUGHT + "\nSo does a sailor."],
    "system": [NO_THOUGHT + "\nA tailor, arr.<|user|>", NO_THOUGHT + "\nGreen, arr."],
    **dict.fromkeys(
        ("call with empty content", "call with null content", "call without content"),
        [GLM_CALL, NO_THOUGHT + "\nMild, 12 degrees."],
    ),
    "reasoning in content": [NO_THOUGHT + "\nA tailor sews.<|user|>", "\n<think>Grass has it.</think>\nIt is green."],
    "reasoning as a field": [NO_THOUGHT + "\nA tailor sews.<|user|>", "\n<think>Grass has it.</think>\nIt is green."],
    "empty answer": [NO_THOUGHT + "<|user|>", NO_THOUGHT + "\nA tailor sews."],
    "weight 0": [NO_THOUGHT + "\nA tailor sews."],
    "unicode": [
        NO_THOUGHT + "\nEin Schneider näht. 裁缝缝 🧵<|user|>",
        NO_THOUGHT + "\n\u00e9 e\u0301 Größe 👍🏽",
    ],
}

# Gemma 4 writes the result of a tool into the answer that called it: the model says the call and stops at
# <|tool_response>, the rest is not its own. The answer that follows continues the turn, without header.
GEMMA_CALL = '<|tool_call>call:get_weather{city:<|"|>Oslo<|"|>}<tool_call|><|tool_response>'
GEMMA4 = answers(
    "<turn|>\n",
    dict.fromkeys(
        ("call with empty content", "call with null content", "call without content"),
        [GEMMA_CALL, "Mild, 12 degrees.<turn|>\n"],
    ),
)
# The second revision ends the call as any answer. The fifth writes a thought behind the last question and continues the
# turn of an answer with the next: no end of turn between them.
GEMMA4_V2 = {
    **GEMMA4,
    **dict.fromkeys(
        ("call with empty content", "call with null content", "call without content"),
        ['<|tool_call>call:get_weather{city:<|"|>Oslo<|"|>}<tool_call|><turn|>\n', "Mild, 12 degrees.<turn|>\n"],
    ),
}
GEMMA4_V5 = {
    **GEMMA4,
    "two assistants in a row": ["A tailor sews.So does a sailor.<turn|>\n"],
    "reasoning as a field": ["A tailor sews.<turn|>\n", "<|channel>thought\nGrass has it.\n<channel|>It is green.<turn|>\n"],
}

LFM_CALL = "<|tool_call_start|>[get_weather(city='Oslo')]<|tool_call_end|>" + IM_END
LFM2_5 = answers(
    IM_END,
    {
        **dict.fromkeys(
            ("call with empty content", "call with null content", "call without content"),
            [LFM_CALL, "Mild, 12 degrees." + IM_END],
        ),
        # A thought before the last answer is cut away.
        "reasoning in content": [
            "A tailor sews." + IM_END,
            "<think>\nGrass has it.\n</think>\n\nIt is green." + IM_END,
        ],
        "reasoning as a field": ["A tailor sews." + IM_END, "<think>Grass has it.</think>It is green." + IM_END],
    },
)

LLAMA3_1 = answers(
    "<|eot_id|>",
    dict.fromkeys(
        ("call with empty content", "call with null content", "call without content"),
        ['{"name": "get_weather", "parameters": {"city": "Oslo"}}<|eot_id|>', "Mild, 12 degrees.<|eot_id|>"],
    ),
)

NO_TWIN = "TRL has no training template of it"
OTHER_TEXT = "TRL's training template writes other text"

CHATML = "<|im_start|>assistant\n"
GEMMA = "<|turn>model\n"
LLAMA = "<|start_header_id|>assistant<|end_header_id|>\n\n"
DEEPSEEK = "<｜Assistant｜>"
EOS = "<｜end▁of▁sentence｜>"
DEEPSEEK_CALL = (
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Oslo"}\n```'
    "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
) + EOS

#: Template -> (header of an answer, expected stretches by conversation, reason).
WRITTEN = {
    # Everything up to </think> is cut away.
    "deepseek_r1_distill": (
        DEEPSEEK,
        {"reasoning in content": ["\n\nA tailor sews." + EOS, "\n\nIt is green." + EOS]},
        OTHER_TEXT,
    ),
    # The twin writes a call's arguments as JSON of JSON text.
    "deepseekv3": (
        DEEPSEEK,
        {"call with empty content": [DEEPSEEK_CALL, "<｜tool▁outputs▁end｜>Mild, 12 degrees." + EOS]},
        OTHER_TEXT,
    ),
    "gemma4": (GEMMA, GEMMA4, NO_TWIN),
    "gemma4_v2": (GEMMA, GEMMA4_V2, NO_TWIN),
    "gemma4_v3": (GEMMA, GEMMA4, NO_TWIN),
    "gemma4_v4": (GEMMA, GEMMA4, NO_TWIN),
    "gemma4_v5": (GEMMA, GEMMA4_V5, NO_TWIN),
    "glm4moe": ("<|assistant|>", GLM, OTHER_TEXT),
    "lfm2_2_5": (CHATML, LFM2_5, NO_TWIN),
    "lfm2_2_5_v2": (CHATML, LFM2_5, NO_TWIN),
    "lfm2_2_5_vl": (CHATML, LFM2_5, NO_TWIN),
    "llama3_1": (LLAMA, LLAMA3_1, NO_TWIN),
    "llama3_2": (LLAMA, LLAMA3_1, NO_TWIN),
    "qwen3": (CHATML, QWEN3, OTHER_TEXT),
    "qwen3_5_nothink": (CHATML, QWEN3_5, OTHER_TEXT),
    "qwen3_5_think": (CHATML, QWEN3_5, OTHER_TEXT),
    "qwen3_6": (CHATML, QWEN3_5, OTHER_TEXT),
}

#: Templates whose twin renders the same text and trains more, with what it trains in front of the answer: part or all
#: of the header that opens an answer, which the model never has to say. Listed in docs/data.md.
HEADER_TRAINED = {
    "deepseek_r1_distill": "<｜Assistant｜>",
    "deepseekv3": "<｜Assistant｜>",
    "gptoss": "<|start|>assistant",
    "muse_glimmer": "<|start|>assistant",
    "qwen2_5": "\n",
}

#: Twins that train less: the token at which the model stops for the result of a tool.
STOP_NOT_TRAINED = {"diffusion_gemma": {"<tool_call|>": "<tool_call|><|tool_response>"}}
