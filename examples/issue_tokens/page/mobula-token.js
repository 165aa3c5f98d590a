/**
 * A short-lived Mobula token for a page, kept fresh: one file, no dependencies.
 *
 *     import { MobulaToken } from "/mobula-token.js";
 *
 *     const mobula = new MobulaToken("/token");    // where your backend mounts the issuer
 *     const answer = await mobula.fetch("https://api.mobula.io/api/1/market/data?asset=bitcoin");
 *
 * The token is in this object and nowhere else: not in storage, not in a cookie, not in a URL. It goes to `origins` alone.
 * The first request gets it; from then on the next one is fetched before the current one expires or is used up, while
 * requests go on with the current one. However many requests need a token at once, the issuer is asked once. A request that
 * Mobula answers with 401 is sent once more, with another token. A page that does nothing asks for nothing.
 *
 * Where the issuer has no token for now (429, 503), requests wait for as long as it says, up to `maxWait`, and it is not asked
 * before; where it says nothing of time, ever longer after each failure. What it is asked for is given up after 20 seconds.
 * `AbortSignal`s are heeded at every step.
 *
 * Each tab has a token of its own. Call `giveBack()` when the user is done; a logout on the server is surer.
 */

/** Why there is no token: `kind` is "unauthenticated", "forbidden", "unavailable" or "closed". */
export class MobulaTokenError extends Error {
  constructor(kind, message, { status, retryAfter } = {}) {
    super(message);
    this.name = "MobulaTokenError";
    this.kind = kind;
    /** The issuer's status, if it answered. */
    this.status = status;
    /** In how many seconds to ask again, if it said so. */
    this.retryAfter = retryAfter;
  }
}

/** For how many seconds an answer of the issuer is waited for. It makes its callers wait for up to 10. */
const ANSWERS_WITHIN = 20;

/** Of a token's life, or of its requests, so much passes before the next one is fetched. */
const AGING_AT = 0.75;

/**
 * Fires "change", whose `detail` is `{ why, token }`: `why` is "issued", "rejected", "given-back" or "failed" (then with
 * `error`), `token` is `{ id, lifetime, requestLimit }`, and never the secret.
 */
export class MobulaToken extends EventTarget {
  #endpoint;
  #origins;
  #maxWait;
  #current = null;
  #fetching = null;
  #askAgainAt = 0;
  #failures = 0;
  #closed = false;

  /**
   * @param {string} endpoint the issuer's URL, of this origin or one that it allows
   * @param {{ origins?: string[], maxWait?: number }} [options] where the token may go (by default Mobula's API alone), and
   *     for how many seconds a request waits for a token at most (30)
   */
  constructor(endpoint, { origins = ["https://api.mobula.io"], maxWait = 30 } = {}) {
    super();
    this.#endpoint = new URL(endpoint, location.href);
    this.#origins = new Set(origins.map((origin) => new URL(origin).origin));
    this.#maxWait = maxWait;
  }

  /** How the token is doing: `{ id, secondsLeft, lifetime, requestsLeft, requestLimit }`, in seconds and requests. */
  get state() {
    const token = this.#current;
    if (!token) return { id: null, secondsLeft: 0, lifetime: 0, requestsLeft: 0, requestLimit: 0 };
    const { id, lifetime, requestLimit, requestsLeft } = token;
    return { id, secondsLeft: Math.max(0, lifetime - age(token)), lifetime, requestsLeft, requestLimit };
  }

  /**
   * Like the browser's `fetch`, with the token. A redirect is an error: it could take the token elsewhere.
   *
   * @throws {MobulaTokenError} if there is no token to be had
   * @throws {TypeError} if the URL is of none of the origins, or the network fails
   */
  async fetch(input, init) {
    const request = new Request(input, { ...init, redirect: "error", credentials: "omit" });
    if (!this.#origins.has(new URL(request.url).origin)) {
      throw new TypeError("the token does not go to this origin: see the option `origins`");
    }
    const again = request.clone();
    const token = await this.#take(request.signal);
    const answer = await fetch(withToken(request, token));
    if (answer.status !== 401) return answer;
    this.#reject(token);
    let next;
    try {
      next = await this.#take(request.signal);
    } catch (error) {
      // Who is signed out should know; otherwise Mobula's own answer says most.
      if (error?.kind === "unauthenticated") throw error;
      return answer;
    }
    return fetch(withToken(again, next));
  }

  /** Gives the token back: it is revoked, even if the page is being left. The next request gets another. */
  async giveBack() {
    const token = this.#current;
    if (!token) return;
    this.#current = null;
    this.#tell("given-back", token);
    // Without an id, a DELETE would be about all of the user's tokens. This one expires.
    if (typeof token.id !== "string") return;
    try {
      await this.#call("DELETE", { body: JSON.stringify({ id: token.id }), keepalive: true });
    } catch (error) {
      // There is no such token any more: somebody else was faster.
      if (error.status !== 404) throw error;
    }
  }

  /** Forgets the token; from now on requests fail. */
  close() {
    this.#closed = true;
    this.#current = null;
  }

  /** A token that may be sent, and counts the request. */
  async #take(signal) {
    const deadline = performance.now() + this.#maxWait * 1000;
    while (true) {
      if (this.#closed) throw new MobulaTokenError("closed", "this token was closed");
      signal.throwIfAborted();
      const token = this.#current;
      if (token && isGood(token)) {
        token.requestsLeft -= 1;
        // Nobody waits for this one, so nobody hears of its failure here: "change" tells.
        if (isAging(token) && performance.now() >= this.#askAgainAt) this.#renew().catch(() => {});
        return token;
      }
      const wait = Math.max(0, this.#askAgainAt - performance.now());
      if (performance.now() + wait > deadline) {
        const seconds = Math.max(1, Math.ceil(wait / 1000));
        throw new MobulaTokenError("unavailable", `no token for now; ask again in ${seconds} s`, { retryAfter: seconds });
      }
      if (wait > 0) await pause(wait, signal);
      try {
        await within(deadline - performance.now(), this.#renew(), signal);
      } catch (error) {
        if (error?.kind !== "unavailable") throw error;
        // #askAgainAt says when; the deadline, whether that is soon enough.
      }
    }
  }

  /** One request to the issuer, however many wait for it. */
  #renew() {
    this.#fetching ??= this.#issue().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #issue() {
    const from = clocks();
    try {
      const answer = await this.#call("POST");
      const { token: secret, id, expiresIn, requestLimit } = await members(answer);
      if (typeof secret !== "string" || !(expiresIn > 2000) || !(requestLimit > 0)) {
        throw new MobulaTokenError("unavailable", "the issuer's answer holds no token", { status: answer.status });
      }
      this.#failures = 0;
      this.#askAgainAt = 0;
      if (this.#closed) return;
      // Its life counts from before it was asked for. Tabs do not all come back at the same part of it.
      const aging = AGING_AT + 0.1 * Math.random();
      const lifetime = expiresIn / 1000;
      this.#current = { secret, id, from, lifetime, requestLimit, requestsLeft: requestLimit, aging };
      this.#tell("issued", this.#current);
    } catch (error) {
      this.#failures += 1;
      const backoff = Math.min(60, 2 ** (this.#failures - 1)) * (0.5 + Math.random() / 2);
      this.#askAgainAt = performance.now() + 1000 * (error.retryAfter ?? backoff);
      this.#tell("failed", this.#current, error);
      throw error;
    }
  }

  async #call(method, init) {
    // A header that no form can send; a request of another origin is asked for by a preflight.
    const headers = { "content-type": "application/json" };
    const signal = AbortSignal.timeout(ANSWERS_WITHIN * 1000);
    const options = { method, headers, signal, credentials: "include", cache: "no-store", redirect: "error" };
    let answer;
    try {
      answer = await fetch(this.#endpoint, { ...options, ...init });
    } catch {
      throw new MobulaTokenError("unavailable", "the issuer is out of reach");
    }
    if (answer.ok) return answer;
    const { status } = answer;
    const told = await members(answer);
    // The user's tokens were revoked while this one was asked for. Whether that was a logout, the next answer tells.
    const known = told.error === "revoked" ? undefined : { 401: "unauthenticated", 403: "forbidden" }[status];
    const retryAfter = seconds(told.retryAfter) ?? seconds(answer.headers.get("retry-after"));
    const message = told.message ?? `the issuer answered ${status}`;
    throw new MobulaTokenError(known ?? "unavailable", message, { status, retryAfter });
  }

  /** A late 401 for a token that was replaced meanwhile says nothing of its successor. */
  #reject(token) {
    if (this.#current !== token) return;
    this.#current = null;
    this.#tell("rejected", token);
  }

  #tell(why, token, error) {
    const { id, lifetime, requestLimit } = token ?? {};
    this.dispatchEvent(new CustomEvent("change", { detail: { why, token: { id, lifetime, requestLimit }, error } }));
  }
}

/** The members of an answer's JSON; none of them if it is something else, as from a proxy. */
async function members(answer) {
  return Object(await answer.json().catch(() => null));
}

/** So many seconds as somebody said, if that is a number: never less than one, and never hours. */
function seconds(told) {
  const number = Number(told);
  return number > 0 ? Math.min(Math.max(1, number), 600) : undefined;
}

function withToken(request, token) {
  request.headers.set("authorization", `Bearer ${token.secret}`);
  return request;
}

/** One of the two stands still while the machine sleeps, the other may be set. */
function clocks() {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** In seconds, by the clock that says more. */
function age({ from }) {
  const now = clocks();
  return Math.max(now.monotonic - from.monotonic, now.wall - from.wall) / 1000;
}

function isGood(token) {
  return token.requestsLeft > 0 && age(token) < token.lifetime - 1;
}

function isAging(token) {
  return age(token) > token.aging * token.lifetime || token.requestsLeft <= (1 - token.aging) * token.requestLimit;
}

function pause(milliseconds, signal) {
  return within(Infinity, new Promise((resolve) => setTimeout(resolve, milliseconds)), signal);
}

/** What others wait for as well, for as long as this caller will: it is not theirs to end. */
function within(milliseconds, promise, signal) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new MobulaTokenError("unavailable", "the issuer takes its time"));
    const timer = milliseconds < Infinity ? setTimeout(late, milliseconds) : undefined;
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const stop = () => (clearTimeout(timer), signal.removeEventListener("abort", abort));
    promise.then(resolve, reject).finally(stop);
  });
}
