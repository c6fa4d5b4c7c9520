import type { Envelope } from '../envelope.js';
import { array, boolean, type Decoder, nullable, number, object, optional, string } from '../decode.js';
import { type Page, page } from '../pages.js';

/** A task that is set to one of the first two is learned from, if a learning space learns its session. */
export type TaskStatus = 'success' | 'failed' | 'running' | 'pending';

export interface TaskData {
  task_description: string;
  progresses?: string[] | null;
  user_preferences?: string[] | null;
}

export interface Task {
  id: string;
  session_id: string;
  project_id: string;
  order: number;
  data: TaskData;
  /** A `TaskStatus`. */
  status: string;
  is_planning: boolean;
  created_at: string;
  updated_at: string;
}

export const task: Decoder<Task> = object<Task>({
  id: string,
  session_id: string,
  project_id: string,
  order: number,
  data: object<TaskData>({
    task_description: string,
    progresses: optional(nullable(array(string))),
    user_preferences: optional(nullable(array(string))),
  }),
  status: string,
  is_planning: boolean,
  created_at: string,
  updated_at: string,
});

/** A task as a write has left it. */
export interface WrittenTask extends Task {
  /** The event that triggers learning, if this write made one: also the message's id. */
  event_id?: string;
}

export function writtenTask({ data, eventId }: Envelope): WrittenTask {
  const written = task(data, 'data');
  return eventId === undefined ? written : { ...written, event_id: eventId };
}

export type GetTasksOutput = Page<Task>;

export const taskPage: Decoder<GetTasksOutput> = page(task);

/** A run of an operator that has sent an event again. */
export interface TaskEventReplay {
  id: string;
  queued_at: string;
  /** Under which it was sent, if not its own. */
  new_id?: string | null;
}

/** An event that a change of a task's status wrote, and what has become of it. */
export interface TaskEvent {
  /** Also the message's. */
  id: string;
  type?: string | null;
  /** `pending`, `delivered`, `dead` or `discarded`. */
  state: string;
  created_at: string;
  attempts?: number | null;
  last_error?: string | null;
  next_attempt_at?: string | null;
  /** When the broker has confirmed it: once, and again for each replay. */
  confirmations: string[];
  replays: TaskEventReplay[];
}

const replay: Decoder<TaskEventReplay> = object<TaskEventReplay>({
  id: string,
  queued_at: string,
  new_id: optional(nullable(string)),
});

export type ListTaskEventsOutput = Page<TaskEvent>;

export const taskEventPage: Decoder<ListTaskEventsOutput> = page(
  object<TaskEvent>({
    id: string,
    type: optional(nullable(string)),
    state: string,
    created_at: string,
    attempts: optional(nullable(number)),
    last_error: optional(nullable(string)),
    next_attempt_at: optional(nullable(string)),
    confirmations: array(string),
    replays: array(replay),
  }),
);
