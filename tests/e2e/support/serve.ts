// Builds the page once and serves it to all stories.
import { openSite } from "../../../tools/support/site.ts";

export default async function serve(): Promise<() => Promise<void>> {
  const site = await openSite({ rebuild: true });
  process.env["ANNEAL_URL"] = site.url;
  return () => site.close();
}
