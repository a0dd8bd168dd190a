// The picture of the floors in docs/architecture.md, drawn from the imports as they are.
import { graphOf, type Source } from "./graph.ts";
import { floorOf, floors } from "./rules.ts";

const start = "<!-- floors: npm run layers -- --write -->";
const end = "<!-- /floors -->";

/** One line a floor, the page at the top: its name, what it is for, and the floors it imports. */
export function drawFloors(sources: readonly Source[]): string {
  const names = Object.keys(floors);
  const uses = usesOf(sources);
  const nameWidth = Math.max(...names.map((name) => name.length));
  const wordsWidth = Math.max(...Object.values(floors).map((words) => words.length));
  return Object.entries(floors)
    .toReversed()
    .map(([name, words]) => {
      const targets = names.filter((target) => uses.get(name)?.has(target)).toReversed();
      const line = `${name.padEnd(nameWidth)}  ${words.padEnd(wordsWidth)}  ${targets.join(" ")}`;
      return line.trimEnd();
    })
    .join("\n");
}

function usesOf(sources: readonly Source[]): Map<string, Set<string>> {
  const uses = new Map<string, Set<string>>();
  for (const [path, targets] of graphOf(sources)) {
    const floor = floorOf(path);
    const found = uses.get(floor) ?? new Set();
    targets.map(floorOf).forEach((target) => target !== floor && found.add(target));
    uses.set(floor, found);
  }
  return uses;
}

/** The page with its picture drawn anew. @throws Error where the page has no place for it */
export function withPicture(page: string, picture: string): string {
  const [head, rest] = page.split(start);
  const tail = rest?.split(end)[1];
  if (head === undefined || tail === undefined) {
    throw new Error(`docs/architecture.md has no "${start}" with an end.`);
  }
  return `${head}${start}\n\n\`\`\`\n${picture}\n\`\`\`\n\n${end}${tail}`;
}
