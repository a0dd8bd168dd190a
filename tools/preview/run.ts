// `npm run preview`: what a run would train of each row, without a browser.
import { previewCommand } from "./command.ts";

process.exitCode = await previewCommand(process.argv.slice(2));
