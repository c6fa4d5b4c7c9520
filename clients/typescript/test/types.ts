// What the compiler must take, and what it must not. It is compiled, never run.
import {
  type AcontextClientOptions,
  AcontextClient,
  APIError,
  buildAcontextMessage,
  FileUpload,
  type GetMessagesOutput,
  type LearningSpaceSession,
  type Session,
  SkillRelayClient,
  type SkillRelayClientOptions,
  type Task,
  type TaskStatus,
} from '@skillrelay/client';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(): T | void => {};

const options: SkillRelayClientOptions = { apiKey: undefined, baseUrl: null, timeout: 1000, maxRetries: 0, fetch };
const client = new SkillRelayClient(options);
const same: AcontextClientOptions = options;
const renamed: AcontextClient = new AcontextClient(same);

/** Somebody's own types of messages. */
interface ChatMessage {
  role: 'user';
  content: string;
}

export async function takes(status: TaskStatus, message: ChatMessage, signal: AbortSignal | undefined): Promise<void> {
  const session: Session = await client.sessions.create({ user: null, configs: undefined, disableTaskStatusChange: true });
  await client.sessions.create();
  const task: Task = await client.sessions.updateTaskStatus('s', 't', { status, idempotencyKey: 'k', signal, timeout: 1 });
  holds<Equal<typeof task.data.progresses, string[] | null | undefined>>();
  await client.sessions.storeMessage('s', message);
  await client.sessions.storeMessage('s', buildAcontextMessage({ role: 'user', parts: ['a', { type: 'text', text: 'b' }] }), {
    format: 'acontext',
    fileField: 'f',
    file: new FileUpload({ filename: 'f', content: new Uint8Array(1) }),
  });
  const messages: GetMessagesOutput = await client.sessions.getMessages('s', {
    limit: 1,
    cursor: session.user_id,
    editStrategies: [{ type: 'token_limit', params: { limit_tokens: 1 } }],
  });
  holds<Equal<typeof messages.items, unknown[]>>();
  for await (const each of client.sessions.iterTasks('s', { timeDesc: true })) holds<Equal<typeof each, Task>>();
  const tie: LearningSpaceSession = await client.learningSpaces.waitForLearning({ spaceId: 'a', sessionId: 'b', signal });
  if (tie.status === 'completed' || tie.status === 'a new word') await renamed.users.delete('u', { signal });
  holds<Equal<ReturnType<typeof client.sessions.delete>, Promise<void>>>();
  try {
    await client.ping({ signal });
  } catch (error) {
    if (error instanceof APIError) holds<Equal<typeof error.retryAfter, number | undefined>>();
  }
}

export async function refuses(): Promise<void> {
  // @ts-expect-error no such status
  await client.sessions.updateTaskStatus('s', 't', { status: 'done' });
  // @ts-expect-error no status
  await client.sessions.updateTaskStatus('s', 't', {});
  // @ts-expect-error no such format
  await client.sessions.storeMessage('s', {}, { format: 'xml' });
  // @ts-expect-error a read has no key
  await client.sessions.getTasks('s', { idempotencyKey: 'k' });
  // @ts-expect-error pages are the iterator's matter
  client.sessions.iterTasks('s', { cursor: 'c' });
  // @ts-expect-error an edit strategy must say how
  await client.sessions.getMessages('s', { editStrategies: [{ type: 'token_limit', params: {} }] });
  // @ts-expect-error the transport is nobody's business
  client.transport;
}
