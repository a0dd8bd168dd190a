// Entry of the page: puts the app into #app. tfjs is not here; it lives in the session's worker.
import { mount } from "svelte";
import App from "./app/App.svelte";
import "./app/styles/app.css";

const target = document.getElementById("app");
if (target === null) {
  throw new Error("index.html has no #app");
}
mount(App, { target });
