import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import type { RemoteCommandSession } from '../session.ts'
import { standingStill } from '../testing/clock.ts'
import { exec, openExec, startStreaming } from '../testing/harness.ts'
import { heldMemory } from '../testing/memory.ts'

const types = ['error', 'stdin', 'stdout']

test('stdin reaches the command until its end, the output and the status the client, and then GOAWAY', async (t) => {
  const { server } = await startStreaming(t)
  const { client, id } = await openExec(server.url(exec()), types)
  client.data(id('stdin'), 'hello ')
  await client.until(() => client.text(id('stdout')) === 'hello ', 'the echo')
  assert.equal(client.ended.size, 0, 'the command waits for the end of stdin')
  client.data(id('stdin'), 'world', true)
  await client.until(() => client.goaway === 0, 'GOAWAY')
  assert.equal(client.text(id('stdout')), 'hello world')
  assert.deepEqual(JSON.parse(client.text(id('error'))), { metadata: {}, status: 'Success' })
  assert.deepEqual([...client.ended].toSorted(), [id('error'), id('stdout')].toSorted())
  await client.until(() => client.closed, 'the server hangs up')
})

test('stderr has its own stream; the exit code is in the status', async (t) => {
  const { server, commands } = await startStreaming(t)
  commands.run = async (session) => {
    session.stdout?.write('out')
    session.stderr?.write('err')
    await session.finish({ type: 'exited', exitCode: 42 })
  }
  const { client, id } = await openExec(server.url(exec({ stdin: false, stderr: true })), ['error', 'stdout', 'stderr'])
  await client.until(() => client.goaway === 0, 'GOAWAY')
  assert.equal(client.text(id('stdout')), 'out')
  assert.equal(client.text(id('stderr')), 'err')
  assert.equal(JSON.parse(client.text(id('error'))).details.causes[0].message, '42')
})

test('before v4 the error is plain text, and nothing is said of success', async (t) => {
  const { server, commands } = await startStreaming(t)
  for (const protocol of ['channel.k8s.io', 'v2.channel.k8s.io', 'v3.channel.k8s.io']) {
    commands.run = (session) => session.finish({ type: 'failed', message: 'it broke' })
    const failed = await openExec(server.url(exec()), types, protocol)
    await failed.client.until(() => failed.client.goaway === 0, 'GOAWAY')
    assert.equal(failed.client.text(failed.id('error')), 'Internal error occurred: it broke')
    commands.run = (session) => session.finish({ type: 'exited', exitCode: 0 })
    const well = await openExec(server.url(exec()), types, protocol)
    await well.client.until(() => well.client.goaway === 0, 'GOAWAY')
    assert.equal(well.client.text(well.id('error')), '')
    assert.ok(well.client.ended.has(well.id('error')))
  }
})

test('with a tty there are sizes and no stderr; v2 has no sizes', async (t) => {
  const { server, commands } = await startStreaming(t)
  const asked = exec({ tty: true, stderr: true })
  const { client, id } = await openExec(server.url(asked), [...types, 'resize'])
  client.data(id('resize'), '{"Width":80,"Height":24}\n{"Wid')
  client.data(id('resize'), 'th":100,"Height":30}\n')
  client.data(id('stdin'), 'x')
  await client.until(() => client.text(id('stdout')) === 'x', 'the echo')
  const sizes = [
    { width: 80, height: 24 },
    { width: 100, height: 30 },
  ]
  assert.deepEqual(commands.sizes, sizes)
  client.transport.destroy()
  const old = await openExec(server.url(asked), types, 'v2.channel.k8s.io')
  old.client.data(old.id('stdin'), 'y', true)
  await old.client.until(() => old.client.goaway === 0, 'GOAWAY')
})

test('nothing goes out before every stream has come, in whatever order', async (t) => {
  const { server, commands } = await startStreaming(t)
  const { client } = await openExec(server.url(exec()), ['stdout', 'error'])
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(commands.running, 0)
  const stdin = await client.open({ streamtype: 'stdin' })
  client.data(stdin, 'now', true)
  await client.until(() => client.goaway === 0, 'GOAWAY')
})

test('when the client goes, the session knows and its streams are over', async (t) => {
  const { server, commands } = await startStreaming(t)
  const sessions: RemoteCommandSession[] = []
  commands.run = async (session) => {
    sessions.push(session)
    await new Promise<void>((resolve) => session.gone.addEventListener('abort', () => resolve()))
  }
  const { client } = await openExec(server.url(exec()), types)
  await client.until(() => sessions.length === 1, 'the command runs').catch(() => {})
  client.transport.destroy()
  const [session] = sessions
  assert.ok(session)
  await new Promise<void>((resolve) => {
    if (session.gone.aborted) resolve()
    else session.gone.addEventListener('abort', () => resolve())
  })
  assert.ok(session.stdin?.destroyed && session.stdout?.destroyed)
  session.stdout?.write('into the void')
  await session.finish({ type: 'exited', exitCode: 0 })
})

test('a stdout that the client resets breaks for the command alone', async (t) => {
  const { server, commands } = await startStreaming(t)
  commands.run = async (session) => {
    const chunk = Buffer.alloc(1000)
    const endless = Readable.from(
      (function* () {
        for (;;) yield chunk
      })(),
    )
    await pipeline(endless, session.stdout as NonNullable<typeof session.stdout>).catch(() => {})
    await session.finish({ type: 'exited', exitCode: 1 })
  }
  const { client, id } = await openExec(server.url(exec()), types)
  client.rst(id('stdout'))
  await client.until(() => client.goaway === 0, 'GOAWAY')
  assert.match(client.text(id('error')), /NonZeroExitCode/)
})

test('a command that throws is a failed one', async (t) => {
  const { server, commands } = await startStreaming(t)
  commands.run = () => Promise.reject(new Error('a bug'))
  const { client, id } = await openExec(server.url(exec()), types)
  await client.until(() => client.goaway === 0, 'GOAWAY')
  assert.match(client.text(id('error')), /Internal error occurred: a bug/)
})

test('100 MB of output to a client that stops reading in between: all arrives, little is held', async (t) => {
  const { server, commands } = await startStreaming(t)
  const chunk = randomBytes(64 * 1024)
  const count = 1600
  let written = 0
  commands.run = async (session) => {
    const source = Readable.from(
      (function* () {
        for (; written < count; written++) yield chunk
      })(),
      { objectMode: false },
    )
    await pipeline(source, session.stdout as NonNullable<typeof session.stdout>)
    await session.finish({ type: 'exited', exitCode: 0 })
  }
  const { client, id } = await openExec(server.url(exec({ stdin: false })), ['error', 'stdout'])
  client.discard = true
  const before = heldMemory()
  await client.until(() => client.bytes > 10 << 20, '10 MB')
  client.transport.pause()
  assert.ok((await standingStill(() => written)) < count, 'the command waits for the client')
  const held = heldMemory() - before
  assert.ok(held < 16 << 20, `${held} bytes held`)
  client.transport.resume()
  await client.until(() => client.ended.has(id('stdout')), 'the rest')
  assert.ok(client.bytes >= count * chunk.length)
})

test('100 MB of input to a command that is slow to read: the same arrives, little is held', async (t) => {
  const { server, commands } = await startStreaming(t)
  const go = Promise.withResolvers<void>()
  commands.run = async (session) => {
    await go.promise
    const hash = createHash('sha256')
    for await (const chunk of session.stdin ?? []) hash.update(chunk as Buffer)
    session.stdout?.write(hash.digest('hex'))
    await session.finish({ type: 'exited', exitCode: 0 })
  }
  const { client, id } = await openExec(server.url(exec()), types)
  const before = heldMemory()
  const hash = createHash('sha256')
  const chunk = randomBytes(100_000)
  let stalls = 0
  for (let i = 0; i < 1000; i++) {
    hash.update(chunk)
    if (client.data(id('stdin'), chunk, i === 999)) continue
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        stalls++
        const held = heldMemory() - before
        assert.ok(held < 16 << 20, `${held} bytes held`)
        go.resolve()
      }, 500)
      client.transport.once('drain', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
  await client.until(() => client.goaway === 0, 'GOAWAY')
  assert.ok(stalls >= 1, 'the client was told to wait')
  assert.equal(client.text(id('stdout')), hash.digest('hex'))
})
