import { ready } from "./ready.js";
import { borrowedKey } from "./reference-key.js";
import { nameAll } from "./reference-names.js";

class NotLoaded extends Error {}

/** Load a style or a script of ours once; it stands in the head from then on. */
function load(tag, values) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement(tag), values);
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => {
      element.remove();
      reject(new NotLoaded(values.href ?? values.src));
    });
    document.head.append(element);
  });
}

/** The document, with its requests sent to where this page comes from. */
async function documentAt(url) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new NotLoaded(url);
  const spec = await response.json();
  // Swagger UI invents values where there is neither default nor example, and would send them.
  for (const field of Object.values(spec.components.schemas.RemovalRequest.properties)) {
    if (!("default" in field) && field.format !== "binary") field.example = "";
  }
  return { ...spec, servers: [{ url: location.origin }] };
}

/** Requests of the document carry the borrowed key, and go to this site only. */
async function withKey(request) {
  const url = new URL(request.url, location.href);
  if (url.origin !== location.origin) throw new NotLoaded(request.url);
  if (url.pathname !== "/api/openapi") request.headers["x-api-key"] = await borrowedKey();
  return request;
}

/* Without the frame of Swagger UI's own layout, which has a second main landmark. */
function bareLayout({ React }) {
  const parts = ["errors", "InfoContainer", "operations", "Models"];
  const BareLayout = ({ getComponent }) =>
    React.createElement(
      "div",
      { className: "swagger-ui" },
      ...parts.map((name) => React.createElement(getComponent(name, true))),
    );
  return { components: { BareLayout } };
}

async function open({ url, into, style, script, ...texts }) {
  const box = document.querySelector(into);
  const [spec] = await Promise.all([
    documentAt(url),
    load("link", { rel: "stylesheet", href: style }),
    load("script", { src: script }),
  ]);
  nameAll(box, texts);
  globalThis.SwaggerUIBundle({
    spec,
    domNode: box,
    plugins: [bareLayout],
    layout: "BareLayout",
    validatorUrl: null,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    syntaxHighlight: { activated: false },
    supportedSubmitMethods: document.querySelector("[data-lender]") ? ["get", "post"] : [],
    requestInterceptor: withKey,
    showMutatedRequest: false, // Its curl line would show the borrowed key.
  });
}

ready("[data-document]", (button) => {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await open({ ...button.dataset });
      button.parentElement.remove();
    } catch (error) {
      if (!(error instanceof NotLoaded)) throw error;
      const detail = { text: button.dataset.textFailed, bad: true };
      document.dispatchEvent(new CustomEvent("toast", { detail }));
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
});
