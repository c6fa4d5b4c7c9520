import { checkTimeout, type Configuration, notNegative } from './configuration.js';
import type { Decoder } from './decode.js';
import { type Answer, type Envelope, unwrap } from './envelope.js';
import { RequestTimeoutError, SkillRelayError, TransportError } from './errors.js';
import { checkIdempotencyKey, newIdempotencyKey } from './idempotency.js';
import type { CallOptions, WriteOptions } from './options.js';
import { type Query, queryString, type RequestBody } from './request.js';
import { retryDelay } from './retry.js';
import { sleep, withDeadline } from './time.js';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Sends requests until they are answered for good. */
export class Transport {
  readonly #configuration: Configuration;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  async read<T>(path: string, decode: Decoder<T>, options: CallOptions = {}, query: Query = {}): Promise<T> {
    return await this.send('GET', path + queryString(query), ({ data }) => decode(data, 'data'), options);
  }

  async write<T>(
    method: Exclude<Method, 'GET'>,
    path: string,
    decode: Decoder<T>,
    options: WriteOptions = {},
    body?: RequestBody,
  ): Promise<T> {
    return await this.send(method, path, ({ data }) => decode(data, 'data'), options, body);
  }

  /** One request, however many attempts it takes: all of them are the same bytes, a write's under one key. */
  async send<T>(
    method: Method,
    target: string,
    read: (envelope: Envelope) => T,
    options: WriteOptions,
    body?: RequestBody,
  ): Promise<T> {
    const idempotencyKey = method === 'GET' ? undefined : checkIdempotencyKey(options.idempotencyKey ?? newIdempotencyKey());
    const timeout = checkTimeout(options.timeout ?? this.#configuration.timeout);
    const maxRetries = notNegative('maxRetries', options.maxRetries ?? this.#configuration.maxRetries);
    const { maxRetryDelay } = this.#configuration;
    const request: RequestInit = { method, headers: this.#headers(body, idempotencyKey), body: body?.content ?? null };
    for (let retry = 0; ; retry++) {
      try {
        const answer = await withDeadline(
          timeout,
          options.signal,
          (signal) => this.#attempt(target, { ...request, signal }),
          () => new RequestTimeoutError(`${method} was not answered within ${timeout} ms`),
        );
        return read(unwrap(answer));
      } catch (error) {
        if (error instanceof SkillRelayError && idempotencyKey !== undefined) error.idempotencyKey = idempotencyKey;
        const delay = retry < maxRetries ? retryDelay(error, retry, maxRetryDelay) : undefined;
        if (delay === undefined) throw error;
        await sleep(delay, options.signal);
      }
    }
  }

  async #attempt(target: string, request: RequestInit): Promise<Answer> {
    // Called by itself: a browser's `fetch` wants no other `this`.
    const fetch = this.#configuration.fetch ?? globalThis.fetch;
    if (typeof fetch !== 'function') throw new SkillRelayError('there is no global fetch: use Node 18 or later, or pass one');
    try {
      const response = await fetch(this.#configuration.baseUrl + target, request);
      // The body may still be cut off; that, too, is no answer.
      const text = await response.text();
      return { status: response.status, reason: response.statusText, headers: response.headers, text };
    } catch (cause) {
      throw new TransportError(describe(cause), { cause });
    }
  }

  #headers(body: RequestBody | undefined, idempotencyKey: string | undefined): Record<string, string> {
    const { apiKey, userAgent } = this.#configuration;
    return {
      Authorization: `Bearer ${apiKey}`,
      Accept: 'application/json',
      ...(userAgent && { 'User-Agent': userAgent }),
      ...(body && { 'Content-Type': body.type }),
      ...(idempotencyKey && { 'Idempotency-Key': idempotencyKey }),
    };
  }
}

/** "fetch failed" alone helps nobody: the reason is in the causes. */
function describe(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    // Node has the addresses it tried in an error without a message.
    const text = cause.message || (cause as { code?: unknown }).code;
    if (text && !messages.includes(String(text))) messages.push(String(text));
  }
  return messages.join(': ') || 'the request failed';
}
