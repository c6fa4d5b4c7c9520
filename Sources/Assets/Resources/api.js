// The operator API: everything that the page knows and does, it asks for here.

const tokenKey = "skillrelay.operator.token";
const nameKey = "skillrelay.operator.name";

export const identity = {
  get token() { return sessionStorage.getItem(tokenKey); },
  get name() { return localStorage.getItem(nameKey) ?? ""; },
  keep(token, name) {
    sessionStorage.setItem(tokenKey, token);
    localStorage.setItem(nameKey, name);
  },
  forget() { sessionStorage.removeItem(tokenKey); },
};

/** What the service says when it does not do what it was asked; `status` is 0 when it says nothing. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The `data` of the answer. `signal` ends the request early. */
export async function ask(method, path, body, { token = identity.token, signal } = {}) {
  // What cannot stand in a header is not the token either.
  if (!/^[\x21-\x7e]+$/.test(token ?? "")) throw new Refusal(401, "Unauthorized");
  const timeout = AbortSignal.timeout(15_000);
  let answer, envelope;
  try {
    answer = await fetch(`admin/v1/${path}`, {
      method, headers: { Authorization: `Bearer ${token}` }, body: body && JSON.stringify(body),
      cache: "no-store", credentials: "omit", redirect: "error", signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    envelope = await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(answer?.status ?? 0, answer ? "the answer is not the service's" : "the service does not answer");
  }
  if (!answer.ok) throw new Refusal(answer.status, envelope.msg ?? `HTTP ${answer.status}`);
  return envelope.data;
}

export async function change(path, body) {
  try {
    return await ask("POST", path, { ...body, by: `${identity.name} (page)` });
  } catch (error) {
    if (error.status === 0) error.message += ": whether it was done is unknown, look at the lists before you try again";
    throw error;
  }
}
