import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildAcontextMessage, FileUpload, MessagePart, NotFoundError } from '@skillrelay/client';
import { client, newClient, unknownId } from './support/environment.mjs';
import { Link } from './support/link.mjs';

const user = (content) => ({ role: 'user', content });

/** The parts of the form that was sent: head and content. */
function parts(request) {
  const boundary = /boundary=(\S+)/.exec(request)[1];
  const form = request.slice(request.indexOf('\r\n\r\n') + 4);
  const pieces = form.split(`--${boundary}`).slice(1, -1);
  return pieces.map((piece) => piece.slice(2, -2).split(/\r\n\r\n([^]*)/));
}

test('a message is stored and read again in each format', async () => {
  const { id } = await client.sessions.create();
  const stored = await client.sessions.storeMessage(id, user('Hello'), { meta: { source: 'test' } });
  assert.equal(stored.session_id, id);
  assert.equal(stored.role, 'user');
  assert.equal(stored.parent_id, null);
  assert.deepEqual(stored.meta, { source: 'test' });
  assert.deepEqual(stored.parts, [{ type: 'text', text: 'Hello' }]);
  await client.sessions.storeMessage(id, { role: 'assistant', content: [{ type: 'text', text: 'Hi' }] }, { format: 'anthropic' });
  await client.sessions.storeMessage(id, { role: 'user', parts: [{ text: 'How?' }] }, { format: 'gemini' });
  await client.sessions.storeMessage(id, buildAcontextMessage({ role: 'assistant', parts: ['Well.'] }), { format: 'acontext' });

  const openai = await client.sessions.getMessages(id);
  assert.deepEqual(openai.items, [
    user('Hello'),
    { role: 'assistant', content: 'Hi' },
    user('How?'),
    { role: 'assistant', content: 'Well.' },
  ]);
  assert.equal(openai.ids[0], stored.id);
  assert.deepEqual(openai.metas[0], { source: 'test' });
  assert.ok(openai.this_time_tokens > 0);
  for (const format of ['acontext', 'anthropic', 'gemini']) {
    assert.equal((await client.sessions.getMessages(id, { format })).items.length, 4);
  }
});

test('pages begin with the newest by default, and iterMessages with the oldest', async () => {
  const { id } = await client.sessions.create();
  const texts = ['1', '2', '3', '4', '5'];
  for (const text of texts) await client.sessions.storeMessage(id, user(text), { meta: { text } });
  const page = await client.sessions.getMessages(id, { limit: 2 });
  assert.deepEqual(page.items, [user('4'), user('5')]);
  const next = await client.sessions.getMessages(id, { limit: 2, cursor: page.next_cursor });
  assert.deepEqual(next.items, [user('2'), user('3')]);
  for (const [timeDesc, expected] of [
    [undefined, texts],
    [true, [...texts].reverse()],
  ]) {
    const seen = [];
    for await (const message of client.sessions.iterMessages(id, { pageSize: 2, timeDesc })) {
      assert.deepEqual(message.message, user(message.meta.text));
      seen.push(message.meta.text);
    }
    assert.deepEqual(seen, expected);
  }
});

test('the meta of a message is patched', async () => {
  const { id } = await client.sessions.create();
  const { id: message } = await client.sessions.storeMessage(id, user('Hello'), { meta: { a: 1, b: 2 } });
  assert.deepEqual(await client.sessions.patchMessageMeta(id, message, { a: null, c: 3 }), { b: 2, c: 3 });
  await assert.rejects(client.sessions.patchMessageMeta(id, unknownId, { a: 1 }), NotFoundError);
});

test('a file is sent with its message', async (t) => {
  const link = await Link.open(t);
  const { id } = await client.sessions.create();
  const blob = buildAcontextMessage({
    role: 'user',
    parts: ['See the report', MessagePart.fileFieldPart('report', { meta: { page: 1 } })],
  });
  const file = new FileUpload({ filename: 'report.txt', content: 'All is well.', contentType: 'text/plain' });
  const stored = await newClient({ baseUrl: link.url }).sessions.storeMessage(id, blob, {
    format: 'acontext',
    fileField: 'report',
    file,
  });
  assert.equal(stored.parts[1].filename, 'report.txt');
  assert.equal(stored.parts[1].asset.mime, 'text/plain');
  assert.equal(stored.parts[1].asset.size_b, 12);
});

test('a form has the message and the file, byte for byte, and a boundary that is in neither', async (t) => {
  const link = await Link.open(t);
  const content = Uint8Array.from([0, 13, 10, 255, ...Buffer.from('\r\n--skillrelay-form-1--\r\n')]);
  const file = new FileUpload({ filename: 'a "b"\r\nc\u00e9', content });
  const blob = { role: 'user', parts: [{ type: 'file', file_field: 'f' }] };
  const send = () =>
    newClient({ baseUrl: link.url, maxRetries: 0 })
      .sessions.storeMessage(unknownId, blob, { format: 'acontext', fileField: 'f', file })
      .catch(() => {});
  await send();
  const [request] = link.requests;
  assert.match(link.header('content-type'), /^multipart\/form-data; boundary=skillrelay-form-2$/);
  const [payload, sent] = parts(request);
  assert.equal(payload[0], 'Content-Disposition: form-data; name="payload"');
  assert.deepEqual(JSON.parse(payload[1]), { format: 'acontext', blob });
  assert.equal(
    Buffer.from(sent[0], 'latin1').toString(),
    'Content-Disposition: form-data; name="f"; filename="a %22b%22%0D%0Ac\u00e9"\r\nContent-Type: application/octet-stream',
  );
  assert.deepEqual(Buffer.from(sent[1], 'latin1'), Buffer.from(content));
  // The same again is the same bytes, or the service could not tell a repeat.
  await send();
  const form = (request) => request.slice(request.indexOf('\r\n\r\n'));
  assert.equal(form(link.requests[1]), form(request));
});

test('what a form cannot hold is refused before it is sent', async () => {
  const blob = { role: 'user', parts: [] };
  const file = new FileUpload({ filename: 'a', content: 'b', contentType: 'text/plain\r\nX-Evil: 1' });
  await assert.rejects(client.sessions.storeMessage(unknownId, blob, { file }), /fileField is required/);
  await assert.rejects(client.sessions.storeMessage(unknownId, blob, { file, fileField: 'f' }), /contentType/);
});

test('a file may be a Blob, bytes or a text', async () => {
  const blob = new Blob(['x'], { type: 'image/png' });
  assert.equal(new FileUpload({ filename: 'a', content: blob }).contentType, 'image/png');
  assert.equal(new FileUpload({ filename: 'a', content: blob, contentType: 'image/gif' }).contentType, 'image/gif');
  assert.equal(new FileUpload({ filename: 'a', content: Buffer.from('x') }).contentType, 'application/octet-stream');
});

test('parts of every kind can be built', () => {
  const message = buildAcontextMessage({
    role: 'user',
    parts: ['a', MessagePart.textPart('b', { meta: { c: 1 } }), { type: 'data', meta: { data_type: 'json' } }],
    meta: { d: 2 },
  });
  assert.deepEqual(JSON.parse(JSON.stringify(message)), {
    role: 'user',
    parts: [
      { type: 'text', text: 'a', meta: null, file_field: null },
      { type: 'text', text: 'b', meta: { c: 1 }, file_field: null },
      { type: 'data', text: null, meta: { data_type: 'json' }, file_field: null },
    ],
    meta: { d: 2 },
  });
});

test('flush turns messages into tasks, and counts tell of it', async () => {
  const { id } = await client.sessions.create({ disableTaskStatusChange: true });
  await client.sessions.storeMessage(id, user('Fix the build'));
  await client.sessions.storeMessage(id, { role: 'assistant', content: 'Found it' });
  assert.deepEqual(await client.sessions.flush(id), { status: 200, errmsg: '' });
  const { items } = await client.sessions.getTasks(id);
  assert.equal(items[0].data.task_description, 'Fix the build');
  assert.equal(items[0].status, 'running');
  const counts = await client.sessions.messagesObservingStatus(id);
  assert.deepEqual([counts.observed, counts.in_process, counts.pending], [2, 0, 0]);
  assert.ok((await client.sessions.getTokenCounts(id)).total_tokens > 0);
});
