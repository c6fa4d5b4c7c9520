export { SkillRelayClient } from './client.js';
export type { SkillRelayClientOptions } from './configuration.js';
export type { CallOptions, Maybe, WriteOptions } from './options.js';
export type { IterOptions, Page, PageOptions } from './pages.js';
export type { Query } from './request.js';
export type { Method } from './transport.js';

export {
  APIError,
  type APIErrorOptions,
  AuthenticationError,
  ConflictError,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  RequestTimeoutError,
  ServerError,
  ServiceUnavailableError,
  SkillRelayError,
  type SkillRelayErrorOptions,
  TimeoutError,
  TransportError,
  UnexpectedAnswerError,
} from './errors.js';

// Under the names that programs for Acontext import.
export { SkillRelayClient as AcontextClient } from './client.js';
export type { SkillRelayClientOptions as AcontextClientOptions } from './configuration.js';
export { SkillRelayError as AcontextError } from './errors.js';

export type {
  CreateSessionOptions,
  CreateTaskOptions,
  IterMessagesOptions,
  GetMessagesOptions,
  ListSessionsOptions,
  MessageBlob,
  SessionsAPI,
  StoreMessageOptions,
  UpdateTaskStatusOptions,
} from './sessions.js';
export type {
  LearningSessionKey,
  LearningSkillKey,
  LearningSpacesAPI,
  ListLearningSpacesOptions,
  WaitForLearningOptions,
} from './learningSpaces.js';
export type { UsersAPI } from './users.js';

export {
  AcontextMessage,
  type AcontextMessageInput,
  buildAcontextMessage,
  FileUpload,
  MessagePart,
  type MessagePartInput,
} from './messages.js';
export type {
  Asset,
  EditStrategy,
  GetMessagesOutput,
  ListedMessage,
  Message,
  MessageFormat,
  MiddleOutStrategy,
  Part,
  PublicURL,
  RemoveToolCallParamsStrategy,
  RemoveToolResultStrategy,
  TokenLimitStrategy,
} from './model/message.js';
export type {
  FlushResult,
  ListSessionsOutput,
  MessageObservingStatus,
  Session,
  TokenCounts,
} from './model/session.js';
export type {
  GetTasksOutput,
  ListTaskEventsOutput,
  Task,
  TaskData,
  TaskEvent,
  TaskEventReplay,
  TaskStatus,
  WrittenTask,
} from './model/task.js';
export {
  type FileInfo,
  type LearningSpace,
  type LearningSpaceSession,
  type LearningSpaceSkill,
  type LearningStatus,
  type ListLearningSpacesOutput,
  type Skill,
  TERMINAL_STATUSES,
} from './model/learningSpace.js';
export type { GetUserResourcesOutput, ListUsersOutput, User, UserResourceCounts } from './model/user.js';
