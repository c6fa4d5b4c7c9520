import { UnexpectedAnswerError } from './errors.js';

/** Takes what the service sent for what the type says, or says what does not fit, and where. */
export type Decoder<T> = (value: unknown, path: string) => T;

const primitive =
  <T>(name: string, fits: (value: unknown) => value is T): Decoder<T> =>
  (value, path) => {
    if (!fits(value)) throw mismatch(path, name, value);
    return value;
  };

export const string = primitive('a string', (value): value is string => typeof value === 'string');
export const number = primitive('a number', (value): value is number => typeof value === 'number');
export const boolean = primitive('true or false', (value): value is boolean => typeof value === 'boolean');
export const record = primitive(
  'an object',
  (value): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value),
);
const list = primitive('an array', (value): value is unknown[] => Array.isArray(value));

/** Whatever it is. */
export const anything: Decoder<unknown> = (value) => value;

/** Whatever it is, because nobody looks at it. */
export const nothing: Decoder<void> = () => undefined;

export const nullable =
  <T>(decode: Decoder<T>): Decoder<T | null> =>
  (value, path) =>
    value === null ? null : decode(value, path);

export const optional =
  <T>(decode: Decoder<T>): Decoder<T | undefined> =>
  (value, path) =>
    value === undefined ? undefined : decode(value, path);

export const array =
  <T>(decode: Decoder<T>): Decoder<T[]> =>
  (value, path) =>
    list(value, path).map((item, index) => decode(item, `${path}[${index}]`));

export const recordOf =
  <T>(decode: Decoder<T>): Decoder<Record<string, T>> =>
  (value, path) =>
    Object.fromEntries(Object.entries(record(value, path)).map(([name, item]) => [name, decode(item, `${path}.${name}`)]));

/** An object with these members; others are left out, so that a newer service does not break an older client. */
export function object<T>(members: { readonly [K in keyof T]-?: Decoder<T[K]> }): Decoder<T> {
  const decoders = Object.entries(members) as [string, Decoder<unknown>][];
  return (value, path) => {
    const given = record(value, path);
    const decoded: Record<string, unknown> = {};
    for (const [name, decode] of decoders) {
      const member = decode(given[name], `${path}.${name}`);
      if (member !== undefined) decoded[name] = member;
    }
    return decoded as T;
  };
}

// The kind of what came, not the value: that may be somebody's message.
function mismatch(path: string, expected: string, value: unknown): UnexpectedAnswerError {
  return new UnexpectedAnswerError(`unexpected answer: ${path} is ${kind(value)}, not ${expected}`);
}

function kind(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
