// The calls in a ShareGPT message from `function_call`, as a chat template takes them.
import { isRecord, unwrapJson } from "./cell.ts";

/** `tool_calls` of `{"name", "arguments"}` or a list of them as JSON text; null for other text. */
export function toolCallsOf(value: unknown): unknown[] | null {
  const given = unwrapJson(value);
  const calls: unknown[] = Array.isArray(given) ? given : [given];
  const isCall = (call: unknown) => isRecord(call) && typeof call["name"] === "string";
  return calls.length > 0 && calls.every(isCall)
    ? calls.map((call) => ({ type: "function", function: call }))
    : null;
}
