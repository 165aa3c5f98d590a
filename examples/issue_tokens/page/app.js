// The page: who is signed in, what the prices are, and how its token is doing.

import { MobulaToken } from "/mobula-token.js";

const ASSETS = ["bitcoin", "ethereum", "solana", "chainlink"];
const KEPT_PRICES = 60;
const KEPT_LINES = 8;

const $ = (id) => document.getElementById(id);

/** All of one visit, from the login to the logout. */
class Visit {
  #session;
  #token;
  #swaps = -1;
  #has_ended = false;
  #timers = [];
  #charts = new Map();

  constructor(session) {
    this.#session = session;
    this.#token = new MobulaToken("/token", { origins: [session.mobula] });
    this.#token.addEventListener("change", (event) => this.#changed(event.detail));
    $("user").textContent = session.user;
    $("assets").replaceChildren(...ASSETS.map((asset) => this.#row(asset)));
    $("log").replaceChildren();
    $("token-id").textContent = "none yet";
    $("swaps").textContent = "0";
    this.#timers.push(setInterval(() => this.#showToken(), 100));
    this.#refresh();
  }

  end() {
    this.#has_ended = true;
    this.#timers.forEach(clearTimeout);
    this.#token.close();
  }

  async #refresh() {
    const begun = performance.now();
    try {
      const url = `${this.#session.mobula}/api/1/market/multi-data?assets=${ASSETS}`;
      const response = await this.#token.fetch(url);
      if (!response.ok) throw new Error(`Mobula answered ${response.status}`);
      this.#showPrices((await response.json()).data);
    } catch (error) {
      if (this.#has_ended) return;
      if (error.kind === "unauthenticated") return signedOut("Your session is over.");
      say("problem", `no prices: ${error.message}`);
    }
    if (this.#has_ended) return;
    const pause = Math.max(0, this.#session.every - (performance.now() - begun));
    this.#timers[1] = setTimeout(() => this.#refresh(), pause);
  }

  #changed({ why, token }) {
    if (why === "issued") {
      this.#swaps += 1;
      $("swaps").textContent = this.#swaps;
      $("token-id").textContent = token.id;
      say("good", this.#swaps === 0 ? "got a token" : "swapped in a new token");
      // Seen by whoever looks elsewhere at that moment, too. Once more if it is under way already.
      $("token").classList.remove("fresh");
      void $("token").offsetWidth;
      $("token").classList.toggle("fresh", this.#swaps > 0);
    } else if (why === "rejected") {
      say("problem", "Mobula refused the token (401): getting another, and sending the request again");
    }
  }

  #showToken() {
    const { secondsLeft, lifetime, requestsLeft, requestLimit } = this.#token.state;
    show("seconds", secondsLeft, lifetime, `${Math.ceil(secondsLeft)} s`);
    show("requests", requestsLeft, requestLimit, `${requestsLeft} of ${requestLimit}`);
  }

  #showPrices(markets) {
    for (const [asset, { price }] of Object.entries(markets)) {
      const chart = this.#charts.get(asset);
      if (!chart) continue;
      chart.prices = [...chart.prices, price].slice(-KEPT_PRICES);
      chart.text.textContent = price.toLocaleString("en-US", { style: "currency", currency: "USD" });
      chart.line.setAttribute("points", points(chart.prices));
      const change = price / chart.prices[0] - 1;
      const percent = { style: "percent", signDisplay: "exceptZero", minimumFractionDigits: 2, maximumFractionDigits: 2 };
      chart.change.textContent = change.toLocaleString("en-US", percent);
      chart.row.dataset.trend = Math.abs(change) < 0.00005 ? "flat" : change < 0 ? "down" : "up";
    }
  }

  #row(asset) {
    const row = document.createElement("li");
    const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
    const chart = svg("svg");
    chart.setAttribute("viewBox", "0 0 100 30");
    chart.setAttribute("preserveAspectRatio", "none");
    chart.setAttribute("aria-hidden", "true");
    const line = chart.appendChild(svg("polyline"));
    const name = Object.assign(document.createElement("span"), { className: "name", textContent: asset });
    const text = Object.assign(document.createElement("span"), { className: "price", id: `price-${asset}`, textContent: "…" });
    const change = Object.assign(document.createElement("span"), { className: "change" });
    row.append(name, chart, text, change);
    this.#charts.set(asset, { row, line, text, change, prices: [] });
    return row;
  }
}

function show(id, value, max, text) {
  $(id).max = max || 1;
  $(id).value = value;
  $(id).classList.toggle("low", value < max / 4);
  $(`${id}-text`).textContent = max ? text : "";
}

function points(prices) {
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const height = (price) => (high === low ? 15 : 28 - (26 * (price - low)) / (high - low));
  const step = 100 / Math.max(1, prices.length - 1);
  return prices.map((price, place) => `${place * step},${height(price)}`).join(" ");
}

function say(kind, text) {
  // A problem that goes on is one line, with the time at which it was last seen.
  if (kind === "problem" && $("log").firstChild?.lastChild.textContent === text) $("log").firstChild.remove();
  const line = Object.assign(document.createElement("li"), { className: kind });
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString([], { hourCycle: "h23", timeStyle: "medium" });
  const words = Object.assign(document.createElement("span"), { textContent: text });
  line.append(time, words);
  $("log").prepend(line);
  while ($("log").children.length > KEPT_LINES) $("log").lastChild.remove();
}

let visit;

async function start(problem = "", kind = "problem") {
  const answer = await fetch("/session");
  visit?.end();
  visit = answer.ok ? new Visit(await answer.json()) : undefined;
  $("login").hidden = answer.ok;
  $("prices").hidden = $("who").hidden = !answer.ok;
  $("problem").textContent = problem;
  $("problem").className = kind;
}

function signedOut(problem, kind) {
  visit?.end();
  $("password").value = "";
  return start(problem, kind);
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ name: $("name").value, password: $("password").value });
  const headers = { "content-type": "application/json" };
  const answer = await fetch("/login", { method: "POST", headers, body });
  await (answer.ok ? start() : signedOut((await answer.json()).message));
});
$("sign-out").addEventListener("click", async () => {
  visit?.end();
  await fetch("/logout", { method: "POST" });
  await signedOut("You are signed out, and your token was revoked.", "note");
});
$("revoke").addEventListener("click", () => fetch("/revoke", { method: "POST" }));
start();
