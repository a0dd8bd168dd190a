// Data sets: JSON Lines and CSV.
import { parseCsv } from "../../../src/formats/csv.ts";
import { parseJsonl } from "../../../src/formats/jsonl.ts";
import { bytesOf, textOf, type Family } from "../family.ts";

const lineEnds = ["\n", "\r\n", "\r", "\u2028", "\ufeff", "\u0000", "\ud83d\ude00"];

export const dataFamilies: readonly Family[] = [
  {
    name: "jsonl",
    words: [...lineEnds, '{"a":1}', '"', "\\u", "\\ud800", "{", "}", "[", "//", '"__proto__":'],
    seeds: () => [
      bytesOf(
        '{"prompt": "What?", "completion": " It \\"is\\" \\u00e4."}\n{"prompt": "", "n": -1.5e3}\n',
      ),
      bytesOf(
        '\ufeff{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": null}]}\r\n\r\n{"a": [true, {}]}',
      ),
    ],
    run: (input) => parseJsonl(textOf(input), "data.jsonl"),
  },
  {
    name: "csv",
    words: [...lineEnds, '"', '""', ",", ";", "\t", ',"', '",', "__proto__", "prompt", "'"],
    seeds: () => [
      bytesOf('prompt,completion\n"What, then?"," It ""is""."\nb,\n\nc,d\n'),
      bytesOf('a;b;c\r\n1;"two\nlines";3\r\n;;\r\n'),
      bytesOf("\ufeffprompt\tcompletion\nx\ty\n"),
    ],
    run: (input) => parseCsv(textOf(input), "data.csv"),
  },
];
