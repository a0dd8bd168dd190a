// Entry of the page: mounts the app in #app. tfjs is loaded only in the session's worker.
import { mount } from "svelte";
import App from "./app/App.svelte";
import { limitConnections } from "./app/connections.ts";
import { takeConsent } from "./app/embed/consent.ts";
import { late } from "./app/late-parts.svelte.ts";
import { readAsked } from "./host/asked.ts";
import "./app/styles/app.css";

const asked = readAsked(location.search);
const isAllowed = takeConsent(asked);
limitConnections(isAllowed ? [asked.data, asked.recipe].filter((file) => file !== null) : []);
const target = document.getElementById("app");
if (target === null) {
  throw new Error("index.html has no #app");
}
mount(App, { target, props: { asked, isAllowed } });
void late.fetch();
