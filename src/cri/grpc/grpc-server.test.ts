import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { frameOf } from './frame.ts'
import { GrpcServer, type Route } from './grpc-server.ts'
import type { ServerCall } from './server-call.ts'

const maxMessageBytes = 1024 * 1024
const soon = { timeout: 20_000 }
const empty = frameOf(new Uint8Array())

/** Serves `route` at `/test/Method`; ends with the test. */
async function serve(t: TestContext, route: Route) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-grpc-'))
  const path = join(folder, 'test.sock')
  const server = new GrpcServer({ routes: new Map([['/test/Method', route]]), maxMessageBytes })
  await server.listen(path)
  t.after(() => {
    server.destroy()
    rmSync(folder, { recursive: true })
  })
  return { server, path }
}

/** The general library's client, as the kubelet's and crictl's is one of gRPC's own. */
function grpcClient(t: TestContext, path: string) {
  const options = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }
  const client = new Client(`unix:${path}`, credentials.createInsecure(), options)
  t.after(() => client.close())
  const same = (bytes: Buffer) => bytes
  return {
    ask: (request: Buffer) =>
      new Promise<Buffer>((resolve, reject) => {
        client.makeUnaryRequest('/test/Method', same, same, request, (error, answer) =>
          answer ? resolve(answer) : reject(error),
        )
      }),
    stream: () => client.makeServerStreamRequest('/test/Method', same, same, Buffer.alloc(0)),
  }
}

function session(t: TestContext, path: string): ClientHttp2Session {
  const session = connect('http://localhost', { createConnection: () => connectSocket(path) })
  session.on('error', () => {})
  t.after(() => session.destroy())
  return session
}

const requestHeaders = { ':method': 'POST', ':path': '/test/Method', 'content-type': 'application/grpc' }

/** Sends `body` as it is; the answer's headers and trailers in one. */
async function send(
  session: ClientHttp2Session,
  body: Buffer,
  { headers = {}, end = true }: { readonly headers?: OutgoingHttpHeaders; readonly end?: boolean } = {},
): Promise<IncomingHttpHeaders> {
  const stream = session.request({ ...requestHeaders, ...headers })
  let answer: IncomingHttpHeaders = {}
  stream.on('response', (fields) => (answer = fields)).on('trailers', (fields) => (answer = { ...answer, ...fields }))
  stream.resume()
  if (end) stream.end(body)
  else stream.write(body)
  await once(stream, 'close')
  return answer
}

const echo: Route = (call) => call.answer(frameOf(call.request))

test('messages of all sizes go there and back', soon, async (t) => {
  const { ask } = grpcClient(t, (await serve(t, echo)).path)
  for (const size of [0, 1, 70_000, maxMessageBytes]) {
    const message = Buffer.alloc(size, 'abc')
    assert.ok((await ask(message)).equals(message), String(size))
  }
  const calls = Array.from({ length: 200 }, async (_, at) => String(await ask(Buffer.from(String(at)))) === String(at))
  assert.ok((await Promise.all(calls)).every(Boolean))
})

test('a message that is too long is refused, either way', soon, async (t) => {
  const tooLong = Buffer.alloc(maxMessageBytes + 1)
  const { ask } = grpcClient(t, (await serve(t, (call) => call.answer(frameOf(tooLong)))).path)
  await assert.rejects(ask(tooLong), { code: status.RESOURCE_EXHAUSTED, details: /^the request has 1048577 bytes/ })
  await assert.rejects(ask(Buffer.alloc(1)), { code: status.RESOURCE_EXHAUSTED, details: /^the answer has 1048577/ })
})

test('a status may have any text', soon, async (t) => {
  for (const details of ['100 % of it', ' blanks ', 'zwölf\r\n日本 💥', 'ends in half a \ud83d', 'x'.repeat(4096)]) {
    const { ask } = grpcClient(t, (await serve(t, (call) => call.end({ code: 'NOT_FOUND', details }))).path)
    await assert.rejects(ask(Buffer.alloc(0)), { code: status.NOT_FOUND, details: details.toWellFormed() })
  }
})

test('a stream goes as fast as its reader, and ends with its status', soon, async (t) => {
  let sent = 0
  const { path } = await serve(t, async (call) => {
    call.begin()
    for (; sent < 100; sent++) await call.write(frameOf(Buffer.alloc(100_000, String(sent % 10))))
    call.end({ code: 'ABORTED', details: 'enough' })
  })
  const stream = grpcClient(t, path).stream()
  await once(stream, 'metadata')
  let received = 0
  const all = async () => {
    for await (const message of stream) {
      assert.ok((message as Buffer).equals(Buffer.alloc(100_000, String(received % 10))))
      received++
      assert.ok(sent - received < 50, `${sent} sent, ${received} read`)
    }
  }
  await assert.rejects(all, { code: status.ABORTED, details: 'enough' })
  assert.equal(received, 100)
})

test('a call learns that its client has gone', soon, async (t) => {
  const calls: ServerCall[] = []
  const { path } = await serve(t, (call) => void calls.push(call))
  const waiting = () => calls.at(-1)?.signal ?? assert.fail()
  const begin = async (end: (stream: ReturnType<ClientHttp2Session['request']>) => void) => {
    const stream = session(t, path).request(requestHeaders)
    stream.on('error', () => {})
    const before = calls.length
    stream.end(empty)
    while (calls.length === before) await new Promise((resolve) => setImmediate(resolve))
    const gone = once(waiting(), 'abort')
    end(stream)
    await gone
    // Nobody hears of it.
    calls.at(-1)?.begin()
    calls.at(-1)?.answer(empty)
  }
  await begin((stream) => stream.close(constants.NGHTTP2_CANCEL))
  await begin((stream) => stream.session?.destroy())
})

test('a deadline is kept', soon, async (t) => {
  let signal: AbortSignal | undefined
  const { path } = await serve(t, (call) => void (signal = call.signal))
  const client = session(t, path)
  const answer = await send(client, empty, { headers: { 'grpc-timeout': '50m' } })
  assert.equal(answer['grpc-status'], String(status.DEADLINE_EXCEEDED))
  assert.equal(signal?.aborted, true)
  const wrong = await send(client, empty, { headers: { 'grpc-timeout': 'soon' } })
  assert.equal(wrong['grpc-status'], String(status.INTERNAL))
})

test('a deadline also ends a stream that its client does not read', soon, async (t) => {
  const ended = Promise.withResolvers<void>()
  const { path } = await serve(t, async (call) => {
    const { signal } = call
    while (!signal.aborted) await call.write(frameOf(Buffer.alloc(100_000)))
    ended.resolve()
  })
  const stream = session(t, path)
    .request({ ...requestHeaders, 'grpc-timeout': '50m' })
    .on('error', () => {})
  stream.end(empty)
  await ended.promise
})

test('a deadline beyond all timers is none', soon, async (t) => {
  const { path } = await serve(t, echo)
  const answer = await send(session(t, path), empty, { headers: { 'grpc-timeout': '99999999H' } })
  assert.equal(answer['grpc-status'], '0')
})

test('what is no request of gRPC is refused, and harms no other', soon, async (t) => {
  let served = 0
  const { path } = await serve(t, (call) => {
    served++
    echo(call)
  })
  const client = session(t, path)
  const bytes = (...values: number[]) => Buffer.from(values)
  const refusals: [field: string, value: string, body: Buffer, how?: Parameters<typeof send>[2]][] = [
    [':status', '405', empty, { headers: { ':method': 'PUT' } }],
    [':status', '415', empty, { headers: { 'content-type': 'application/json' } }],
    [':status', '415', empty, { headers: { 'content-type': 'application/grpc-web' } }],
    ['grpc-status', '12', empty, { headers: { ':path': '/test/Other' } }],
    ['grpc-status', '12', empty, { headers: { ':path': `/${'long'.repeat(10_000)}` } }],
    // Not one message.
    ['grpc-status', '12', Buffer.alloc(0)],
    ['grpc-status', '12', Buffer.concat([empty, empty])],
    // Compressed, or said to be.
    ['grpc-status', '12', bytes(1, 0, 0, 0, 0), { headers: { 'grpc-encoding': 'gzip' } }],
    ['grpc-status', '13', bytes(1, 0, 0, 0, 0)],
    ['grpc-status', '13', bytes(7, 0, 0, 0, 0)],
    // Not whole.
    ['grpc-status', '13', bytes(0, 0)],
    ['grpc-status', '13', bytes(0, 0, 0, 0, 2, 1)],
    // Refused before the rest has come, which it never does.
    ['grpc-status', '8', bytes(0, 0xff, 0xff, 0xff, 0xff), { end: false }],
    ['grpc-status', '12', Buffer.alloc(500_000), { end: false }],
  ]
  for (const [field, value, body, how] of refusals) {
    assert.equal(String((await send(client, body, how))[field]), value, JSON.stringify([body.subarray(0, 8), how]))
  }
  assert.equal(served, 0)
  assert.equal((await send(client, Buffer.from([0, 0, 0, 0, 1, 9])))['grpc-status'], '0')
})

test('a request may come in pieces of any size', soon, async (t) => {
  const { path } = await serve(t, (call) =>
    call.end({ code: 'ABORTED', details: Buffer.from(call.request).toString() }),
  )
  const stream = session(t, path).request(requestHeaders)
  const answered = once(stream, 'response') as Promise<[IncomingHttpHeaders]>
  for (const byte of frameOf(Buffer.from('in pieces'))) {
    stream.write(Buffer.from([byte]))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  stream.end()
  const [headers] = await answered
  assert.equal(headers['grpc-message'], 'in pieces')
})

test('connections that break, or speak something else, harm no other', soon, async (t) => {
  const { path } = await serve(t, echo)
  const { ask } = grpcClient(t, path)
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const settings = Buffer.from('000000040000000000', 'hex').toString('latin1')
  const headersOfNothing = Buffer.from('0000ff010400000001', 'hex').toString('latin1')
  const garbage = [
    'GET / HTTP/1.1\r\n\r\n',
    preface,
    `${preface}${settings}${headersOfNothing}`,
    `${preface}${'x'.repeat(9999)}`,
  ]
  for (const text of ['', ...garbage]) {
    const socket = connectSocket(path).on('error', () => {})
    await once(socket, 'connect')
    socket.write(text, 'latin1')
    assert.equal(String(await ask(Buffer.from('still there'))), 'still there')
    socket.destroy()
  }
  const client = session(t, path)
  for (let at = 0; at < 100; at++) {
    const stream = client.request(requestHeaders).on('error', () => {})
    stream.write(frameOf(Buffer.alloc(100)).subarray(0, at))
    stream.close(constants.NGHTTP2_CANCEL)
  }
  assert.equal(String(await ask(Buffer.from('still there'))), 'still there')
})

test('a server that closes finishes the calls under way, and takes no more', soon, async (t) => {
  const begun = Promise.withResolvers<ServerCall>()
  const { server, path } = await serve(t, begun.resolve)
  const { ask } = grpcClient(t, path)
  const under = ask(Buffer.alloc(0))
  const call = await begun.promise
  const closed = server.close()
  await assert.rejects(
    grpcClient(t, path).ask(Buffer.alloc(0)),
    (error: ServiceError) => error.code === status.UNAVAILABLE,
  )
  call.answer(frameOf(Buffer.from('done')))
  assert.equal(String(await under), 'done')
  await closed
})
