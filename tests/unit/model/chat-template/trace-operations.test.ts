// What each operation on texts does with the origins of their characters.
import { expect, test } from "vitest";
import { traceChats } from "../../../../src/model/chat-template/render.ts";
import { shownSpans } from "./shown-spans.ts";

const messages = [
  { role: "user", content: " Ab\ncd ", parts: [{ k: 'q"\n' }, 2], empty: "", dots: "a.b.c" },
  { role: "assistant", content: "xy", wide: "ß👩", calls: { name: "f", n: 1 } },
];

/** Messages outside of loops, so without a turn: `u` and `a` are the contents. */
function spans(expression: string): string[] {
  const source = `{% set u = messages[0].content %}{% set a = messages[1].content %}{% set m = messages[0] %}{% set n = messages[1] %}${expression}`;
  const request = { messages, addGenerationPrompt: false };
  const [chat] = traceChats({ source, specialTokens: {} }, [request]);
  if (chat === undefined || "refusal" in chat) {
    return [`refused: ${chat?.refusal}`];
  }
  return shownSpans(chat).map((span) => span.replace("- ", "").replace(".content", ""));
}

test.each([
  ["{{ u + '|' + a }}", ["0 |  Ab\ncd ", "| |", "1 | xy"]],
  ["{{ u ~ 1 ~ a }}", ["0 |  Ab\ncd ", "| 1", "1 | xy"]],
  ["{{ ('<' + a + '>')[1:] }}", ["1 | xy", "| >"]],
  ["{{ ('<' + a + '>')[::-1] }}", ["| >", "1 | yx", "| <"]],
  ["{{ ('<' + a)[0] }}{{ ('<' + a)[-1] }}", ["| <", "1 | y"]],
  ["{{ ('<' + n.wide)[1:3] }}", ["1.wide | ß👩"]],
  ["{{ (a + '!') * 2 }}", ["1 | xy", "| !", "1 | xy", "| !"]],
  ["{{ u | trim }}{{ u.strip() }}", ["0 | Ab\ncdAb\ncd"]],
  ["{{ (a + '  ').rstrip() }}{{ ('  ' + a).lstrip(' x') }}", ["1 | xyy"]],
  ["{{ u.replace('b', a) }}", ["0 |  A", "1 | xy", "0 | \ncd "]],
  ["{{ ('1b2b3' | replace('b', a, 1)) }}", ["| 1", "1 | xy", "| 2b3"]],
  ["{{ a.replace('', '-') }}", ["| -", "1 | x", "| -", "1 | y", "| -"]],
  ["{{ m.dots.split('.')[-1] }}{{ m.dots.rsplit('.', 1)[0] }}", ["0.dots | ca.b"]],
  ["{{ ('a</t>' + a).split('</t>')[-1].lstrip('x') }}", ["1 | y"]],
  ["{{ (u + '\n' + a).splitlines() | join('+') }}", ["0 |  Ab", "| +", "0 | cd ", "| +", "1 | xy"]],
  ["{{ (u ~ a).split() | join }}", ["0 | Abcd", "1 | xy"]],
  ["{{ [u, a] | join(m.dots[1]) }}", ["0 |  Ab\ncd ", "0.dots | .", "1 | xy"]],
  ["{{ '-'.join([a, 'z', a]) }}", ["1 | xy", "| -z-", "1 | xy"]],
  ["{{ m.dots.partition('.')[2] }}", ["0.dots | b.c"]],
  ["{{ a | upper }}{{ n.wide.upper() }}", ["1 | XY", "1.wide | SS👩"]],
  ["{{ (n.wide ~ '-').upper() }}", ["1.wide | SS👩", "| -"]],
  ["{{ (a ~ 'z') | capitalize }}{{ (a ~ 'z').title() }}", ["1 | Xy", "| z", "1 | Xy", "| z"]],
  ["{{ ('p' + a).removeprefix('p') }}{{ (a + 's').removesuffix('s') }}", ["1 | xyxy"]],
  [
    "{{ a | center(4) }}{{ a.rjust(3, '.') }}{{ a.zfill(3) }}",
    ["|  ", "1 | xy", "|  .", "1 | xy", "| 0", "1 | xy"],
  ],
  ["{{ u | indent(2, first=true) }}", ["|   ", "0 |  Ab\n", "|   ", "0 | cd "]],
  ["{{ '<%s|%5s>' % (a, u[1]) }}", ["| <", "1 | xy", "| |    ", "0 | A", "| >"]],
  ["{{ '<{}{x}>'.format(a, x=u[1]) }}", ["| <", "1 | xy", "0 | A", "| >"]],
  ["{{ '%s' | format(a) }}{{ (a ~ '%s') % 1 }}", ["1 | xyxy", "| 1"]],
  ["{{ ('<' + a) | escape }}", ["| &lt;", "1 | xy"]],
  ["{{ (a + 'longer words') | truncate(8, end=u[1], leeway=0) }}", ["1 | xy", "| longe", "0 | A"]],
  ["{{ a | tojson }}{{ 'z' | tojson }}", ['| "', "1 | xy", '| ""z"']],
  ["{{ u | tojson }}", ['| "', "0 |  Ab\\ncd ", '| "']],
  ["{{ n.wide | tojson(ensure_ascii=true) }}", ['| "', "1.wide | \\u00df\\ud83d\\udc69", '| "']],
  ["{{ m.parts | tojson }}", ['0.parts | [{"k": "q\\"\\n"}, 2]']],
  ["{{ m.parts }}", ["0.parts | [{'k': 'q\"\\n'}, 2]"]],
  ["{{ n.calls | tojson(indent=1) }}", ['1.calls | {\n "name": "f",\n "n": 1\n}']],
  [
    "{{ {'t': a, n.calls.name: 1} | tojson }}",
    ['| {"t": "', "1 | xy", '| ", "', "1.calls | f", '| ": 1}'],
  ],
  ["{{ ['it', a] }}", ["| ['it', '", "1 | xy", "| ']"]],
  ["{{ dict(calls=n.calls) }}", ["| {'calls': ", "1.calls | {'name': 'f', 'n': 1}", "| }"]],
  [
    "{% for k, v in n.calls.items() %}{{ k }}={{ v }};{% endfor %}",
    ["1 1.calls | name", "1 | =", "1 1.calls | f", "1 | ;", "1 1.calls | n", "1 | =1;"],
  ],
  ["{% for k in n.calls %}{{ k }}{% endfor %}", ["1 1.calls | namen"]],
  ["{{ n.calls.keys() | first }}{{ (n.calls | dictsort | first)[0] }}", ["1.calls | namen"]],
  ["{{ n.calls.copy() | list | join }}", ["1.calls | namen"]],
  ["{% for c in a %}{{ c }}.{% endfor %}", ["1 1 | x", "1 | .", "1 1 | y", "1 | ."]],
  ["{{ a | list | reverse | join }}{{ a | reverse }}", ["1 | yxyx"]],
  [
    "{{ [u, a] | map('upper') | last }}{{ [a] | map('replace', 'x', 'z') | join }}",
    ["1 | XY", "| z", "1 | y"],
  ],
  ["{{ [u, a] | sort | last }}{{ [a, a] | unique | join }}{{ [u, a] | max }}", ["1 | xyxyxy"]],
  [
    "{{ nothing | default(a) }}{{ m.empty or a }}{{ (m.empty | default('d', true)) }}",
    ["1 | xyxy", "| d"],
  ],
  ["{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(a) }}", ["| <", "1 | xy", "| >"]],
  [
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}{{ a }}{% endcall %}",
    ["| <", "1 | xy", "| >"],
  ],
  ["{% set t %}<{{ a }}>{% endset %}{{ t[1:] }}", ["1 | xy", "| >"]],
  ["{% set t | upper %}z{{ a }}{% endset %}{{ t }}", ["| Z", "1 | XY"]],
  ["{% filter replace('x', '-') %}{{ a }}{% endfilter %}", ["| -", "1 | y"]],
  ["{% set s = namespace(t=a) %}{% set s.t = s.t ~ '!' %}{{ s.t }}", ["1 | xy", "| !"]],
  ["{{ a | urlencode }}{{ a | string }}{{ a | safe }}", ["1 | xyxyxy"]],
])("the characters of %s keep their origins", (expression, expected) => {
  expect(spans(expression)).toEqual(expected);
});

test.each([
  "a == 'xy' and a != u and a in ['xy'] and a in {'xy': 1} and 'x' in a",
  "a.startswith('x') and a.endswith(('z', 'y')) and a.find('y') == 1 and a.count('x') == 1",
  "a is string and a is iterable and a is sequence and a is not mapping and a is lower",
  "{'xy': 1}[a] == 1 and {'xy': 1}.get(a) == 1 and {a: 1}['xy'] == 1 and {a: 1} == {'xy': 1}",
  "a < 'xz' and a | length == 2 and not m.empty and [a] == ['xy'] and a is eq 'xy'",
  "n[n.role.replace('assistant', 'content')] == a and [n] | selectattr('role', 'equalto', 'assistant') | list | length == 1",
  "['xy'].index(a) == 0 and [a].count('xy') == 1 and ('7' ~ a[:0]) | int == 7",
])("the plain text takes part in comparisons, tests and look-ups: %s", (condition) => {
  expect(spans(`{{ ${condition} }}`)).toEqual(["| True"]);
});

test("an operation that loses the places marks all, and never loses another message", () => {
  expect(spans("{{ (a ~ ' ') | urlencode }}")).toEqual(["1 | xy%20"]);
  expect(
    spans("{% for m in messages[1:] %}{{ (m.content ~ u[1]) | urlencode }}{% endfor %}"),
  ).toEqual(["1 0 | xyA"]);
});

test("a message that is printed whole is of its message, its values of their fields", () => {
  const request = { messages: [{ role: "user", content: "Hi" }], addGenerationPrompt: false };
  const [chat] = traceChats({ source: "{{ messages[0] | tojson }}", specialTokens: {} }, [request]);
  expect(chat).toMatchObject({ text: '{"role": "user", "content": "Hi"}' });
  expect(shownSpans(chat as Parameters<typeof shownSpans>[0])).toEqual([
    '- 0. | {"',
    "- 0.role | role",
    '- 0. | ": "',
    "- 0.role | user",
    '- 0. | ", "',
    "- 0.content | content",
    '- 0. | ": "',
    "- 0.content | Hi",
    '- 0. | "}',
  ]);
});
