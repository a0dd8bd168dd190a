// `npm run preview`: what a run would train of each row, without a browser.
import { previewCommand } from "./command.ts";

// A reader such as head that has seen enough closes the pipe; that is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") {
    throw error;
  }
  process.exit(0);
});
process.exitCode = await previewCommand(process.argv.slice(2));
