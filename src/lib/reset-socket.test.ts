import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { resetSocket } from './reset-socket.ts'

async function connected(t: TestContext): Promise<{ socket: Socket; peer: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const [peer] = await accepted
  t.after(() => {
    peer.destroy()
    server.close()
  })
  return { socket, peer }
}

test('the other end is told', async (t) => {
  const { socket, peer } = await connected(t)
  const told = once(peer, 'error')
  resetSocket(socket)
  assert.equal(((await told)[0] as NodeJS.ErrnoException).code, 'ECONNRESET')
})

for (const data of [undefined, 'x']) {
  test(`right after its end ${data ? 'with data ' : ''}the descriptor is closed`, async (t) => {
    const { socket } = await connected(t)
    const { fd } = (socket as Socket & { readonly _handle: { readonly fd: number } })._handle
    if (data) socket.end(data)
    else socket.end()
    resetSocket(socket)
    await once(socket, 'close')
    assert.equal(existsSync(`/proc/self/fd/${fd}`), false)
  })
}
