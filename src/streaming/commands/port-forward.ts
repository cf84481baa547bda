import type { Socket } from 'node:net'
import { messageOf } from '../../lib/errors.ts'
import { resetSocket } from '../../lib/reset-socket.ts'
import type { Pods } from '../../pod/pods.ts'
import type { ForwardedConnection, PortForwardSession, StreamRequest } from '../session.ts'
import { Pump } from './pump.ts'

/** How many connections one client may have open at a time; more are refused, one by one. */
const maxConnections = 1000

/**
 * Carries a client's connections to ports inside a pod. Each direction ends on its own: a client that has sent all still
 * gets its answer. Ports that refuse are told on the pair's error stream, in the words that kubectl shows.
 */
export async function runPortForward(
  pods: Pick<Pods, 'connectToPort'>,
  request: Extract<StreamRequest, { type: 'port-forward' }>,
  session: PortForwardSession,
): Promise<void> {
  const open = new Set<Promise<void>>()
  try {
    for await (const connection of session.connections) {
      const forwarding =
        open.size < maxConnections
          ? forward(pods, request.sandboxId, connection)
          : connection.fail(`error forwarding port ${connection.port}: more than ${maxConnections} connections at once`)
      const settled = forwarding.catch(() => {}).then(() => void open.delete(settled))
      open.add(settled)
    }
    await Promise.all(open)
  } finally {
    await session.close()
  }
}

async function forward(
  pods: Pick<Pods, 'connectToPort'>,
  sandboxId: string,
  connection: ForwardedConnection,
): Promise<void> {
  let socket: Socket
  try {
    socket = await pods.connectToPort(sandboxId, connection.port, connection.gone)
  } catch (error) {
    return connection.fail(`error forwarding port ${connection.port} to pod ${sandboxId}: ${messageOf(error)}`)
  }
  const onGone = (): void => resetSocket(socket)
  connection.gone.addEventListener('abort', onGone, { once: true })
  let broken: Error | undefined
  socket.on('error', (error) => {
    broken ??= error
  })
  try {
    if (connection.gone.aborted) return onGone()
    const sent = new Pump(connection.input, socket).done.then(() => {
      if (socket.writable) socket.end()
    })
    const received = new Pump(socket, connection.output).done
    await received
    // A reset tells of lost bytes: the pair must not end as if all had come.
    if (broken) return await connection.fail(`error forwarding port ${connection.port}: ${broken.message}`)
    if (connection.output.writable) connection.output.end()
    await Promise.race([sent, closed(socket)])
  } finally {
    connection.gone.removeEventListener('abort', onGone)
    socket.destroy()
    // What still comes finds nobody; the client must not wait for it to be taken.
    connection.input.resume()
  }
}

function closed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  if (socket.closed) resolve()
  return promise
}
