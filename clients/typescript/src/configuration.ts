/** How a client reaches the service. What is left out is read from the environment, then from the defaults. */
export interface SkillRelayClientOptions {
  /** A project's bearer token; else `SKILLRELAY_API_KEY` or `ACONTEXT_API_KEY`. */
  apiKey?: string | null | undefined;
  /** With `/api/v1`; else `SKILLRELAY_BASE_URL` or `ACONTEXT_BASE_URL`, or `http://127.0.0.1:8029/api/v1`. */
  baseUrl?: string | null | undefined;
  /** Milliseconds that each attempt has; else the seconds of `SKILLRELAY_TIMEOUT`, the milliseconds of `ACONTEXT_TIMEOUT`, or 320000. */
  timeout?: number | null | undefined;
  /** How many attempts may follow a call's first; 2 by default, 0 for none. */
  maxRetries?: number | null | undefined;
  /** The longest pause before one of them, in milliseconds: 30000 by default. If the service asks for more, the call fails at once. */
  maxRetryDelay?: number | null | undefined;
  /** Else `SKILLRELAY_USER_AGENT` or `ACONTEXT_USER_AGENT`, or this package and its version; browsers have their own. */
  userAgent?: string | null | undefined;
  /** Instead of the global one; for proxies, tracing and tests. */
  fetch?: typeof fetch | null | undefined;
}

export interface Configuration {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly timeout: number;
  readonly maxRetries: number;
  readonly maxRetryDelay: number;
  readonly userAgent: string | undefined;
  readonly fetch: typeof fetch | undefined;
}

const version = '0.1.0';

/** @throws {Error} that names what is missing or wrong, without quoting it. */
export function configure(options: SkillRelayClientOptions): Configuration {
  return {
    apiKey: checkApiKey(options.apiKey || fromEnvironment('API_KEY') || ''),
    baseUrl: checkBaseUrl(options.baseUrl || fromEnvironment('BASE_URL') || 'http://127.0.0.1:8029/api/v1'),
    timeout: checkTimeout(options.timeout ?? timeoutOfEnvironment()),
    maxRetries: notNegative('maxRetries', options.maxRetries ?? 2),
    maxRetryDelay: notNegative('maxRetryDelay', options.maxRetryDelay ?? 30_000),
    userAgent: options.userAgent || fromEnvironment('USER_AGENT') || (environment() && `skillrelay-ts/${version}`),
    fetch: options.fetch ?? undefined,
  };
}

// What is wrong with a key would else be told by `fetch`, together with the key.
function checkApiKey(text: string): string {
  const apiKey = text.trim();
  if (apiKey === '') throw new Error('apiKey is required: pass it, or set SKILLRELAY_API_KEY');
  if (!/^[\x21-\x7e]+$/.test(apiKey)) throw new Error('apiKey may only have visible ASCII characters');
  return apiKey;
}

function checkBaseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new Error('baseUrl is not a URL; example: http://127.0.0.1:8029/api/v1');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('baseUrl must begin with http:// or https://');
  if (url.username || url.password) throw new Error('baseUrl must not have a user or a password');
  if (url.search || url.hash) throw new Error('baseUrl must not have a query or a fragment');
  return url.href.replace(/\/+$/, '');
}

export function checkTimeout(timeout: number): number {
  if (!(timeout > 0)) throw new RangeError('timeout must be a positive number of milliseconds');
  return timeout;
}

export function notNegative(name: string, value: number): number {
  if (!(value >= 0)) throw new RangeError(`${name} must not be negative`);
  return value;
}

/** Ours is in seconds in every language; theirs in milliseconds, as in Acontext's SDK for this one. */
function timeoutOfEnvironment(): number {
  const { SKILLRELAY_TIMEOUT: seconds, ACONTEXT_TIMEOUT: milliseconds } = environment() ?? {};
  return seconds ? Number(seconds) * 1000 : Number(milliseconds || 320_000);
}

function fromEnvironment(name: string): string | undefined {
  const variables = environment();
  return variables?.[`SKILLRELAY_${name}`] || variables?.[`ACONTEXT_${name}`] || undefined;
}

/** Where there are processes; not in a browser. */
function environment(): Record<string, string | undefined> | undefined {
  return (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env;
}
