// Returns the PEFT export of a session.
import type { AdapterExport } from "../../../../src/session/protocol.ts";
import type { Session } from "../../../../src/session/session.ts";

export async function peftOf(
  session: Session,
  params: { key: string | null },
): Promise<AdapterExport> {
  const asked = { requestId: 1, format: "peft", valueType: "F32" } as const;
  return await (await session.exports()).adapters.write({ ...params, ...asked });
}
