// Returns the PEFT export of a session; a refusal is an error.
import type { AdapterFile } from "../../../../src/session/protocol.ts";
import type { Session } from "../../../../src/session/session.ts";

export async function peftOf(
  session: Session,
  params: { key: string | null },
): Promise<{ files: AdapterFile[]; zip: AdapterFile }> {
  const peft = (await session.exportAdapter(params)).find(({ format }) => format === "peft");
  if (peft === undefined || peft.zip === null) {
    throw new Error(`There is no PEFT export: ${peft?.refusal?.message ?? "it is not offered"}`);
  }
  return { files: peft.files, zip: peft.zip };
}
