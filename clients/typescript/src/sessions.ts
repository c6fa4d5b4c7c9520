import { nothing } from './decode.js';
import type { AcontextMessageInput, FileUpload } from './messages.js';
import {
  type EditStrategy,
  type GetMessagesOutput,
  type ListedMessage,
  type Message,
  message,
  type MessageFormat,
  messagePage,
  patchedMeta,
} from './model/message.js';
import {
  type FlushResult,
  flushResult,
  type ListSessionsOutput,
  type MessageObservingStatus,
  messageObservingStatus,
  patchedConfigs,
  type Session,
  session,
  sessionPage,
  type TokenCounts,
  tokenCounts,
} from './model/session.js';
import {
  type GetTasksOutput,
  type ListTaskEventsOutput,
  type Task,
  type TaskEvent,
  taskEventPage,
  taskPage,
  type TaskStatus,
  type WrittenTask,
  writtenTask,
} from './model/task.js';
import { type CallOptions, given, type Maybe, type WriteOptions } from './options.js';
import { items, type IterOptions, type PageOptions, pages } from './pages.js';
import { filter, form, json, path, type RequestBody } from './request.js';
import { summary } from './summary.js';
import type { Transport } from './transport.js';

export interface ListSessionsOptions extends PageOptions {
  /** Only this user's. */
  user?: Maybe<string>;
  /** Only sessions whose configs contain all of this. */
  filterByConfigs?: Maybe<Record<string, unknown>>;
}

export interface CreateSessionOptions extends WriteOptions {
  /** Identifier of the session's user; made if new. */
  user?: Maybe<string>;
  /** Messages make no tasks. */
  disableTaskTracking?: Maybe<boolean>;
  /** Messages make tasks, but only `updateTaskStatus` finishes them. */
  disableTaskStatusChange?: Maybe<boolean>;
  configs?: Maybe<Record<string, unknown>>;
  /** The session's id; drawn by the service otherwise. */
  useUuid?: Maybe<string>;
}

/** A message of the format `acontext`, or a provider's. */
export type MessageBlob = AcontextMessageInput | object;

export interface StoreMessageOptions extends WriteOptions {
  /** `openai` by default. */
  format?: MessageFormat | undefined;
  /** Kept beside the message; `getMessages` has it in `metas`. */
  meta?: Maybe<Record<string, unknown>>;
  /** The name under which a part of the message asks for `file` (`file_field`); only in the format `acontext`. */
  fileField?: Maybe<string>;
  file?: Maybe<FileUpload>;
}

export interface GetMessagesOptions extends PageOptions {
  /** `openai` by default. */
  format?: MessageFormat | undefined;
  /** With addresses from which files can be downloaded for a while. */
  withAssetPublicUrl?: Maybe<boolean>;
  editStrategies?: Maybe<EditStrategy[]>;
  /** Only messages up to this one are edited. */
  pinEditingStrategiesAtMessage?: Maybe<string>;
}

/** Edit strategies are for a page as a whole. */
export type IterMessagesOptions = IterOptions<
  Omit<GetMessagesOptions, 'editStrategies' | 'pinEditingStrategiesAtMessage'>
>;

export interface CreateTaskOptions extends WriteOptions {
  taskDescription: string;
  progresses?: Maybe<string[]>;
  userPreferences?: Maybe<string[]>;
  /** `pending` by default. */
  status?: Maybe<TaskStatus>;
}

export interface UpdateTaskStatusOptions extends WriteOptions {
  status: TaskStatus;
}

/** Sessions, with their messages and tasks. */
export class SessionsAPI {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  // --- sessions

  /** A page of the project's sessions, by creation. */
  async list(options: ListSessionsOptions = {}): Promise<ListSessionsOutput> {
    return await this.#transport.read('/session', sessionPage, options, {
      user: options.user || undefined,
      limit: options.limit,
      cursor: options.cursor,
      time_desc: options.timeDesc,
      filter_by_configs: filter(options.filterByConfigs),
    });
  }

  /** All of the project's sessions, one after the other. */
  iterSessions(options: IterOptions<ListSessionsOptions> = {}): AsyncGenerator<Session, void, undefined> {
    return items(options, (page) => this.list({ ...options, ...page }));
  }

  async create(options: CreateSessionOptions = {}): Promise<Session> {
    const members = given({
      user: options.user,
      disable_task_tracking: options.disableTaskTracking,
      disable_task_status_change: options.disableTaskStatusChange,
      configs: options.configs,
      use_uuid: options.useUuid,
    });
    const body = Object.keys(members).length > 0 ? json(members) : undefined;
    return await this.#transport.write('POST', '/session', session, options, body);
  }

  /** With its messages and tasks. */
  async delete(sessionId: string, options?: WriteOptions): Promise<void> {
    await this.#transport.write('DELETE', path`/session/${sessionId}`, nothing, options);
  }

  /** The session, with its configs. */
  async getConfigs(sessionId: string, options?: CallOptions): Promise<Session> {
    return await this.#transport.read(path`/session/${sessionId}/configs`, session, options);
  }

  /** Replaces the configs as a whole. */
  async updateConfigs(sessionId: string, options: WriteOptions & { configs: Record<string, unknown> }): Promise<void> {
    const body = json({ configs: options.configs });
    await this.#transport.write('PUT', path`/session/${sessionId}/configs`, nothing, options, body);
  }

  /** Replaces these configs, removes those that are null, and leaves the others; the result is all of them. */
  async patchConfigs(
    sessionId: string,
    configs: Record<string, unknown>,
    options?: WriteOptions,
  ): Promise<Record<string, unknown>> {
    const target = path`/session/${sessionId}/configs`;
    const patched = await this.#transport.write('PATCH', target, patchedConfigs, options, json({ configs }));
    return patched.configs;
  }

  // --- messages

  async storeMessage(sessionId: string, blob: MessageBlob, options: StoreMessageOptions = {}): Promise<Message> {
    const payload = { format: options.format ?? 'openai', blob, ...given({ meta: options.meta }) };
    const body = await messageBody(payload, options);
    return await this.#transport.write('POST', path`/session/${sessionId}/messages`, message, options, body);
  }

  /** A page of messages, or all of them without `limit`; from the newest on unless `timeDesc` is false, the oldest first in each page. */
  async getMessages(sessionId: string, options: GetMessagesOptions = {}): Promise<GetMessagesOutput> {
    const { editStrategies } = options;
    return await this.#transport.read(path`/session/${sessionId}/messages`, messagePage, options, {
      format: options.format,
      limit: options.limit,
      cursor: options.cursor,
      with_asset_public_url: options.withAssetPublicUrl,
      time_desc: options.timeDesc ?? true,
      edit_strategies: editStrategies ? JSON.stringify(editStrategies) : undefined,
      pin_editing_strategies_at_message: options.pinEditingStrategiesAtMessage,
    });
  }

  /** All messages, one after the other: the oldest first, unless `timeDesc` is true. */
  async *iterMessages(
    sessionId: string,
    options: IterMessagesOptions = {},
  ): AsyncGenerator<ListedMessage, void, undefined> {
    const limit = options.pageSize ?? 100;
    const timeDesc = options.timeDesc ?? false;
    for await (const page of pages((cursor) => this.getMessages(sessionId, { ...options, timeDesc, limit, cursor }))) {
      const messages = page.items.map((item, index) => ({
        id: page.ids[index] ?? '',
        meta: page.metas[index] ?? {},
        message: item,
        publicUrls: page.public_urls ?? {},
      }));
      yield* timeDesc ? messages.reverse() : messages;
    }
  }

  /** Replaces these members of the message's meta, removes those that are null, and leaves the others; the result is all of them. */
  async patchMessageMeta(
    sessionId: string,
    messageId: string,
    meta: Record<string, unknown>,
    options?: WriteOptions,
  ): Promise<Record<string, unknown>> {
    const target = path`/session/${sessionId}/messages/${messageId}/meta`;
    const patched = await this.#transport.write('PATCH', target, patchedMeta, options, json({ meta }));
    return patched.meta;
  }

  /**
   * Has the messages that wait looked at for tasks, and waits until that is done.
   *
   * It is not repeated, unless this very call has `maxRetries`: the service keeps no flush under a key, and one whose answer is lost may
   * be under way for minutes yet. Another call, later, finds what is left to do.
   */
  async flush(sessionId: string, options: WriteOptions = {}): Promise<FlushResult> {
    const once = { ...options, maxRetries: options.maxRetries ?? 0 };
    return await this.#transport.write('POST', path`/session/${sessionId}/flush`, flushResult, once);
  }

  /** How many messages were looked at for tasks. */
  async messagesObservingStatus(sessionId: string, options?: CallOptions): Promise<MessageObservingStatus> {
    return await this.#transport.read(path`/session/${sessionId}/observing_status`, messageObservingStatus, options);
  }

  async getTokenCounts(sessionId: string, options?: CallOptions): Promise<TokenCounts> {
    return await this.#transport.read(path`/session/${sessionId}/token_counts`, tokenCounts, options);
  }

  // --- tasks

  /** A page of the session's tasks, by creation. */
  async getTasks(sessionId: string, options: PageOptions = {}): Promise<GetTasksOutput> {
    return await this.#transport.read(path`/session/${sessionId}/task`, taskPage, options, {
      limit: options.limit,
      cursor: options.cursor,
      time_desc: options.timeDesc,
    });
  }

  /** All of the session's tasks, one after the other. */
  iterTasks(sessionId: string, options: IterOptions<PageOptions> = {}): AsyncGenerator<Task, void, undefined> {
    return items(options, (page) => this.getTasks(sessionId, { ...options, ...page }));
  }

  /** Reports a task that no message tells of; one that is finished is learned from, as in `updateTaskStatus`. Only SkillRelay has this. */
  async createTask(sessionId: string, options: CreateTaskOptions): Promise<WrittenTask> {
    const body = json({
      task_description: options.taskDescription,
      ...given({ progresses: options.progresses, user_preferences: options.userPreferences, status: options.status }),
    });
    return await this.#transport.send('POST', path`/session/${sessionId}/task`, writtenTask, options, body);
  }

  /**
   * Says what has become of a task. After `success` or `failed` the task is learned from, if a learning space learns the session: when this
   * returns, the message that triggers it is committed together with the status. However often the call had to be repeated on
   * the way, it is one message; another call is another one, unless it has the same `idempotencyKey`.
   */
  async updateTaskStatus(sessionId: string, taskId: string, options: UpdateTaskStatusOptions): Promise<WrittenTask> {
    const target = path`/session/${sessionId}/task/${taskId}/status`;
    return await this.#transport.send('PATCH', target, writtenTask, options, json({ status: options.status }));
  }

  /** A page of the events that the task's status changes wrote, and what became of them; the newest first. Only SkillRelay has this. */
  async taskEvents(
    sessionId: string,
    taskId: string,
    options: Omit<PageOptions, 'timeDesc'> = {},
  ): Promise<ListTaskEventsOutput> {
    return await this.#transport.read(path`/session/${sessionId}/task/${taskId}/events`, taskEventPage, options, {
      limit: options.limit,
      cursor: options.cursor,
    });
  }

  /** All of them, one after the other. */
  iterTaskEvents(
    sessionId: string,
    taskId: string,
    options: IterOptions<Omit<PageOptions, 'timeDesc'>> = {},
  ): AsyncGenerator<TaskEvent, void, undefined> {
    return items(options, (page) => this.taskEvents(sessionId, taskId, { ...options, ...page }));
  }

  /** The session's tasks as a text for a prompt: the first `limit` of them, or all; empty if there are none. */
  async getSessionSummary(sessionId: string, options: CallOptions & { limit?: Maybe<number> } = {}): Promise<string> {
    if (options.limit) return summary((await this.getTasks(sessionId, options)).items);
    const tasks: Task[] = [];
    for await (const task of this.iterTasks(sessionId, options)) tasks.push(task);
    return summary(tasks);
  }
}

async function messageBody(payload: Record<string, unknown>, { file, fileField }: StoreMessageOptions): Promise<RequestBody> {
  if (!file) return json(payload);
  if (!fileField) throw new TypeError('fileField is required with a file');
  return await form({ payload: JSON.stringify(payload) }, { [fileField]: file });
}
