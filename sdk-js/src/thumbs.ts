/**
 * `<ratchet-thumbs>`: two buttons that send a thumb about an execution.
 *
 *     <ratchet-thumbs url="https://ratchet.example" key="rk_…" execution="…"></ratchet-thumbs>
 *
 * Attributes: `url` and `key` (of a `browser-ingest` key that lists the page's origin), `execution` or `trace`;
 * optional `user`, `up` and `down` (the labels for screen readers). After a click the event `ratchet-feedback` bubbles;
 * its `detail` is `{ value, id }`. A later click on the other thumb replaces the first.
 */
import { RatchetFeedback } from "./browser.js";

export { RatchetFeedback };

const STYLE = `
button{font:inherit;color:inherit;padding:.2em .4em;border:1px solid transparent;border-radius:.4em;background:none}
button:hover,[aria-pressed=true]{border-color:currentColor}`;

const clients = new Map<string, RatchetFeedback>();

/** The element. Pages of several elements share one client. */
export class RatchetThumbs extends HTMLElement {
  /** The client to use, instead of one for `url` and `key`. */
  client: RatchetFeedback | undefined;

  connectedCallback(): void {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet(); // allowed by a Content-Security-Policy without inline styles
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    root.append(this.#button(true, "👍", "up", "Good answer"), this.#button(false, "👎", "down", "Bad answer"));
  }

  #button(value: boolean, symbol: string, attribute: string, label: string): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = symbol;
    button.setAttribute("aria-label", this.getAttribute(attribute) ?? label);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => this.#send(value, button));
    return button;
  }

  #send(value: boolean, button: HTMLButtonElement): void {
    if (button.getAttribute("aria-pressed") === "true") return;
    const [execution, trace, user] = ["execution", "trace", "user"].map((name) => this.getAttribute(name) ?? undefined);
    const about = { traceId: trace, user };
    const id = this.#client().feedback(execution, { kind: "thumb", value, ...about });
    for (const each of this.shadowRoot?.querySelectorAll("button") ?? [])
      each.setAttribute("aria-pressed", String(each === button));
    this.dispatchEvent(new CustomEvent("ratchet-feedback", { bubbles: true, composed: true, detail: { value, id } }));
  }

  #client(): RatchetFeedback {
    if (this.client) return this.client;
    const [url, key] = [this.getAttribute("url") ?? "", this.getAttribute("key") ?? ""];
    const name = `${url} ${key}`;
    const found = clients.get(name) ?? new RatchetFeedback({ url, key });
    clients.set(name, found);
    return found;
  }
}

if (!customElements.get("ratchet-thumbs")) customElements.define("ratchet-thumbs", RatchetThumbs);
