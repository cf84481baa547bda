import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { failedPrecondition } from '../lib/errors.ts'
import { isServed } from '../lib/is-served.ts'

/**
 * Listens for plugins, on a socket that root alone can open. One that was left over is replaced; throws failed-precondition when
 * another process listens there.
 */
export async function listenForPlugins(path: string, onConnection: (stream: Socket) => void): Promise<Server> {
  if (await isServed(path)) {
    throw failedPrecondition(
      `another container runtime serves NRI at ${path}; give Berth a socket of its own ([nri] socket), or switch one of them off`,
    )
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  rmSync(path, { force: true })
  const server = createServer(onConnection)
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
  return server
}
