import { array, nothing } from './decode.js';
import { TimeoutError } from './errors.js';
import {
  type LearningSpace,
  learningSpace,
  learningSpacePage,
  type LearningSpaceSession,
  learningSpaceSession,
  type LearningSpaceSkill,
  learningSpaceSkill,
  type ListLearningSpacesOutput,
  type Skill,
  skill,
  TERMINAL_STATUSES,
} from './model/learningSpace.js';
import { type CallOptions, given, type Maybe, type WriteOptions } from './options.js';
import { items, type IterOptions, type PageOptions } from './pages.js';
import { filter, json, path } from './request.js';
import { askedDelay, isPassing } from './retry.js';
import { sleep, withDeadline } from './time.js';
import type { Transport } from './transport.js';

export interface ListLearningSpacesOptions extends PageOptions {
  /** Only this user's. */
  user?: Maybe<string>;
  /** Only spaces whose meta contains all of this. */
  filterByMeta?: Maybe<Record<string, unknown>>;
}

/** A session of a space. */
export interface LearningSessionKey {
  spaceId: string;
  sessionId: string;
}

/** A skill of a space. */
export interface LearningSkillKey {
  spaceId: string;
  skillId: string;
}

export interface WaitForLearningOptions extends LearningSessionKey {
  /** Seconds: 120 by default. */
  timeout?: number | undefined;
  /** Seconds between two looks: 1 by default. */
  pollInterval?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Milliseconds that a look has which begins when the time is up. */
const lastLook = 1_000;
/** Milliseconds that a look has: the next may be luckier. */
const longestLook = 10_000;

/** Learning spaces, with the sessions they learn and the skills they have. */
export class LearningSpacesAPI {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  // --- spaces

  async create(
    options: WriteOptions & { user?: Maybe<string>; meta?: Maybe<Record<string, unknown>> } = {},
  ): Promise<LearningSpace> {
    const body = json(given({ user: options.user, meta: options.meta }));
    return await this.#transport.write('POST', '/learning_spaces', learningSpace, options, body);
  }

  /** A page of the project's spaces, by creation. */
  async list(options: ListLearningSpacesOptions = {}): Promise<ListLearningSpacesOutput> {
    return await this.#transport.read('/learning_spaces', learningSpacePage, options, {
      user: options.user,
      limit: options.limit ?? 20,
      cursor: options.cursor,
      time_desc: options.timeDesc,
      filter_by_meta: filter(options.filterByMeta),
    });
  }

  /** All of the project's spaces, one after the other. */
  iterSpaces(options: IterOptions<ListLearningSpacesOptions> = {}): AsyncGenerator<LearningSpace, void, undefined> {
    return items(options, (page) => this.list({ ...options, ...page }));
  }

  async get(spaceId: string, options?: CallOptions): Promise<LearningSpace> {
    return await this.#transport.read(path`/learning_spaces/${spaceId}`, learningSpace, options);
  }

  /** Replaces these members of the space's meta and leaves the others. */
  async update(spaceId: string, options: WriteOptions & { meta: Record<string, unknown> }): Promise<LearningSpace> {
    const body = json({ meta: options.meta });
    return await this.#transport.write('PATCH', path`/learning_spaces/${spaceId}`, learningSpace, options, body);
  }

  /** Its sessions and skills stay. */
  async delete(spaceId: string, options?: WriteOptions): Promise<void> {
    await this.#transport.write('DELETE', path`/learning_spaces/${spaceId}`, nothing, options);
  }

  // --- sessions

  /**
   * Has the space learn from tasks of the session that finish from now on; with `includeFinished`, which only SkillRelay has, also from
   * those that have finished.
   */
  async learn(options: WriteOptions & LearningSessionKey & { includeFinished?: Maybe<boolean> }): Promise<LearningSpaceSession> {
    const body = json({ session_id: options.sessionId, ...given({ include_finished: options.includeFinished }) });
    const target = path`/learning_spaces/${options.spaceId}/learn`;
    return await this.#transport.write('POST', target, learningSpaceSession, options, body);
  }

  async getSession(options: CallOptions & LearningSessionKey): Promise<LearningSpaceSession> {
    const target = path`/learning_spaces/${options.spaceId}/sessions/${options.sessionId}`;
    return await this.#transport.read(target, learningSpaceSession, options);
  }

  async listSessions(spaceId: string, options?: CallOptions): Promise<LearningSpaceSession[]> {
    return await this.#transport.read(path`/learning_spaces/${spaceId}/sessions`, array(learningSpaceSession), options);
  }

  /**
   * Waits until learning has completed or failed. Looks that fail for want of the service are part of it: it may be restarting. The next
   * one is made no sooner than it asks.
   *
   * @throws {TimeoutError} when it has not by then.
   */
  async waitForLearning(options: WaitForLearningOptions): Promise<LearningSpaceSession> {
    const { spaceId, sessionId, timeout = 120, pollInterval = 1, signal } = options;
    const end = performance.now() + timeout * 1000;
    let last = 'nothing is known of it';
    let cause: unknown;
    const late = () =>
      new TimeoutError(`learning session ${sessionId} did not complete within ${timeout} s (${last})`, { cause });
    for (;;) {
      try {
        const session = await withDeadline(
          Math.max(end - performance.now(), lastLook),
          signal,
          (signal) => this.getSession({ spaceId, sessionId, signal, timeout: longestLook, maxRetries: 0 }),
          late,
        );
        if (TERMINAL_STATUSES.has(session.status)) return session;
        last = `last status: ${session.status}`;
        cause = undefined;
      } catch (error) {
        if (!isPassing(error)) throw error;
        last = `last failure: ${error}`;
        cause = error;
      }
      const left = end - performance.now();
      if (left <= 0) throw late();
      await sleep(Math.min(Math.max(pollInterval * 1000, askedDelay(cause)), left), signal);
    }
  }

  // --- skills

  async includeSkill(options: WriteOptions & LearningSkillKey): Promise<LearningSpaceSkill> {
    const body = json({ skill_id: options.skillId });
    const target = path`/learning_spaces/${options.spaceId}/skills`;
    return await this.#transport.write('POST', target, learningSpaceSkill, options, body);
  }

  async listSkills(spaceId: string, options?: CallOptions): Promise<Skill[]> {
    return await this.#transport.read(path`/learning_spaces/${spaceId}/skills`, array(skill), options);
  }

  /** Also when the space does not have it. */
  async excludeSkill(options: WriteOptions & LearningSkillKey): Promise<void> {
    const target = path`/learning_spaces/${options.spaceId}/skills/${options.skillId}`;
    await this.#transport.write('DELETE', target, nothing, options);
  }
}
