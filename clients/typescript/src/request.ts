import type { FileUpload } from './messages.js';

/** Bytes and what they are: made once, so that each attempt sends the same, which is how the service knows a repeat. */
export interface RequestBody {
  readonly type: string;
  readonly content: string | Uint8Array;
}

/**
 * The path with its segments encoded: path`/session/${id}/task`.
 *
 * @throws {TypeError} for what cannot be one segment of a path.
 */
export function path(literals: TemplateStringsArray, ...segments: string[]): string {
  return String.raw({ raw: literals }, ...segments.map(encodeSegment));
}

function encodeSegment(segment: string): string {
  // The dots would be taken for steps in the tree, in whatever spelling.
  if (typeof segment !== 'string' || ['', '.', '..'].includes(segment)) {
    throw new TypeError(`${JSON.stringify(segment)} cannot be an id or identifier in a path`);
  }
  return encodeURIComponent(segment);
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** With its question mark, or empty. */
export function queryString(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) parameters.append(name, String(value));
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** A filter as the query has it: JSON text; none if it asks for nothing. */
export function filter(members: Record<string, unknown> | null | undefined): string | undefined {
  return members && Object.keys(members).length > 0 ? JSON.stringify(members) : undefined;
}

export function json(value: unknown): RequestBody {
  return { type: 'application/json', content: JSON.stringify(value) };
}

/**
 * `multipart/form-data` (RFC 7578). By hand, since `FormData` draws a new boundary each time: the repeat of a write must be the same bytes.
 */
export async function form(fields: Record<string, string>, files: Record<string, FileUpload>): Promise<RequestBody> {
  const parts = [
    ...Object.entries(fields).map(([name, text]) => ({ head: disposition(name), content: new Blob([text]) })),
    ...Object.entries(files).map(([name, file]) => ({
      head: `${disposition(name)}; filename="${quoted(file.filename)}"\r\nContent-Type: ${contentType(file)}`,
      content: new Blob([file.content]),
    })),
  ];
  const boundary = await unusedBoundary(parts.map((part) => part.content));
  const blob = new Blob([
    ...parts.flatMap((part) => [`--${boundary}\r\n${part.head}\r\n\r\n`, part.content, '\r\n']),
    `--${boundary}--\r\n`,
  ]);
  return { type: `multipart/form-data; boundary=${boundary}`, content: await bytes(blob) };
}

function disposition(name: string): string {
  return `Content-Disposition: form-data; name="${quoted(name)}"`;
}

// https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
function quoted(name: string): string {
  return name.replace(/\r/g, '%0D').replace(/\n/g, '%0A').replace(/"/g, '%22');
}

function contentType(file: FileUpload): string {
  if (!/^[\x20-\x7e]+$/.test(file.contentType)) throw new TypeError('contentType may only have printable ASCII characters');
  return file.contentType;
}

/** The first that occurs in none of the contents. */
async function unusedBoundary(contents: Blob[]): Promise<string> {
  const latin1 = new TextDecoder('latin1');
  const texts = await Promise.all(contents.map(async (content) => latin1.decode(await bytes(content))));
  for (let number = 1; ; number++) {
    const boundary = `skillrelay-form-${number}`;
    if (!texts.some((text) => text.includes(boundary))) return boundary;
  }
}

async function bytes(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}
