import { nothing } from './decode.js';
import { type GetUserResourcesOutput, type ListUsersOutput, type User, userPage, userResources } from './model/user.js';
import type { CallOptions, WriteOptions } from './options.js';
import { items, type IterOptions, type PageOptions } from './pages.js';
import { path } from './request.js';
import type { Transport } from './transport.js';

/** The users that sessions and spaces were made for. */
export class UsersAPI {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A page of the project's users, or all of them without `limit`. */
  async list(options: PageOptions = {}): Promise<ListUsersOutput> {
    return await this.#transport.read('/user/ls', userPage, options, {
      limit: options.limit,
      cursor: options.cursor,
      time_desc: options.timeDesc,
    });
  }

  /** All of the project's users, one after the other. */
  iterUsers(options: IterOptions<PageOptions> = {}): AsyncGenerator<User, void, undefined> {
    return items(options, (page) => this.list({ ...options, ...page }));
  }

  /** How much a user has. */
  async getResources(identifier: string, options?: CallOptions): Promise<GetUserResourcesOutput> {
    return await this.#transport.read(path`/user/${identifier}/resources`, userResources, options);
  }

  /** With the user's sessions, spaces, disks and skills. */
  async delete(identifier: string, options?: WriteOptions): Promise<void> {
    await this.#transport.write('DELETE', path`/user/${identifier}`, nothing, options);
  }
}
