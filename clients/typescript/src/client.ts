import { configure, type SkillRelayClientOptions } from './configuration.js';
import { LearningSpacesAPI } from './learningSpaces.js';
import type { CallOptions, WriteOptions } from './options.js';
import { json, type Query, queryString } from './request.js';
import { SessionsAPI } from './sessions.js';
import { type Method, Transport } from './transport.js';
import { UsersAPI } from './users.js';

/** The API of one project. It holds no connection that would have to be closed. */
export class SkillRelayClient {
  readonly sessions: SessionsAPI;
  readonly learningSpaces: LearningSpacesAPI;
  readonly users: UsersAPI;
  /** Where the service is. */
  readonly baseUrl: string;
  // Private to the engine, not only to the compiler: what prints a client does not print its token.
  readonly #transport: Transport;

  /** @throws {Error} when an option, or the variable in its place, is missing or wrong. */
  constructor(options: SkillRelayClientOptions = {}) {
    const configuration = configure(options);
    this.baseUrl = configuration.baseUrl;
    this.#transport = new Transport(configuration);
    this.sessions = new SessionsAPI(this.#transport);
    this.learningSpaces = new LearningSpacesAPI(this.#transport);
    this.users = new UsersAPI(this.#transport);
  }

  /** `pong`: the service is there, and the token is good. */
  async ping(options: CallOptions = {}): Promise<string> {
    return await this.#transport.send('GET', '/ping', ({ message }) => message || 'pong', options);
  }

  /** For what has no method here: `path` below the base URL, encoded; the result is the answer's `data`, as it came. */
  async request(
    method: Method,
    path: string,
    options: WriteOptions & { params?: Query | undefined; jsonData?: unknown } = {},
  ): Promise<unknown> {
    const target = path + queryString(options.params ?? {});
    const body = options.jsonData === undefined ? undefined : json(options.jsonData);
    return await this.#transport.send(method, target, ({ data }) => data, options, body);
  }
}
