// Entry of the page: mounts the app in #app. tfjs is loaded only in the session's worker.
import { mount } from "svelte";
import App from "./app/App.svelte";
import { limitConnections } from "./app/connections.ts";
import "./app/styles/app.css";

limitConnections();
const target = document.getElementById("app");
if (target === null) {
  throw new Error("index.html has no #app");
}
mount(App, { target });
