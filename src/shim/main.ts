import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { createLogger } from '../lib/log.ts'
import { AttachWarmup } from '../linux/cgroup/attach-warmup.ts'
import { detectCgroups } from '../linux/cgroup/cgroups.ts'
import { setOomScore } from '../linux/oom-score.ts'
import { Reaper } from '../linux/reaper.ts'
import { becomeSubreaper } from '../linux/subreaper.ts'
import { ShimServer } from './server.ts'

/**
 * berth-shim: the parent of the container processes of many pods. Started by berthd, it outlives it; it knows nothing of
 * pods, images or networks, only what `protocol.ts` says.
 *
 *     node main.ts --socket /run/berth/shims/0.sock --log /run/berth/shims/0.log
 */
const { values } = parseArgs({ options: { socket: { type: 'string' }, log: { type: 'string' } } })
const socket = values.socket
if (socket === undefined || values.log === undefined) throw new Error('berth-shim needs --socket and --log')

const log = createLogger('berth-shim', 'info', openSync(values.log, 'a', 0o640))
let isReady = false
process.on('uncaughtException', (error) => {
  log.error({ error: messageOf(error), stack: error.stack }, 'a bug: uncaught')
  // Nobody counts on it yet, and its starter sees that it has gone.
  if (!isReady) process.exit(1)
})
// It leads a session of its own, but a service manager may still signal its whole group: only berthd ends a shim.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {})

faultPoint('shim-process:begun')
setOomScore(-998)
becomeSubreaper()
const server = createServer((connection) => shim.serve(connection))
const parts = { reaper: new Reaper({ adopt: true }), cgroups: detectCgroups(), warmup: new AttachWarmup(), log }
const shim = new ShimServer(parts, () => {
  rmSync(socket, { force: true })
  // After the answer has been written.
  setImmediate(() => process.exit(0))
})
rmSync(socket, { force: true })
process.umask(0o077)
server.listen(socket, () => {
  log.info({ socket }, 'ready')
  faultPoint('shim-process:listening')
  tellStarter()
  isReady = true
})
process.umask(0o022)

/** Whoever started this process waits for a line on its stdout (`start.ts`), which is of no more use after it. */
function tellStarter(): void {
  const out = 1
  writeSync(out, 'ready\n')
  const nothing = openSync('/dev/null', 'w')
  // The number stays taken, so that no other file ever comes to be stdout.
  closeSync(out)
  if (openSync('/dev/null', 'w') !== out) log.warn({}, 'stdout is not /dev/null')
  closeSync(nothing)
}
