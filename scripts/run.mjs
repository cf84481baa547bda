/**
 * Runs the programs that make a machine ready, and says what goes on. Plain JavaScript for any Node >= 20 and without
 * dependencies, as setup.mjs is.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'

/** After so many milliseconds a step says that it is still at work. */
const slowMs = 15_000

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
const { ppid } = process

/** Runs `work` and says what it is and how long it took; `slow` is what to say when it takes long. */
export async function step(what, work, slow = 'still at it') {
  process.stdout.write(`${what} … `)
  const start = performance.now()
  const timer = setTimeout(() => process.stdout.write(`(${slow}) … `), slowMs)
  try {
    await work()
    process.stdout.write(`done in ${((performance.now() - start) / 1000).toFixed(1)} s\n`)
  } catch (error) {
    process.stdout.write('failed\n')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Runs a program to its end; throws with the ends of its output when it fails: npm says the cause first, apt-get last. A signal
 * that ends this process goes to the program first, and so does the end of the npm that runs this.
 */
export async function run(file, args, options) {
  let ended
  const end = (signal) => {
    ended = signal
    child.kill(signal)
  }
  // First, so that no signal comes between.
  for (const signal of signals) process.on(signal, end)
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const gaveUp = new AbortController()
  void abandoned(gaveUp.signal).then(() => end('SIGTERM'))
  try {
    const output = Promise.all([buffer(child.stdout), buffer(child.stderr)])
    const [code, signal] = await once(child, 'close').catch((error) => {
      throw new Error(`Cannot run ${file}: ${error.message}`)
    })
    if (code === 0 && ended === undefined) return
    const lines = (await output).join('').trim().split('\n')
    if (lines.length > 24) lines.splice(12, lines.length - 24, '…')
    if (ended === undefined)
      throw new Error(`${file} ${args.join(' ')} failed (${signal ?? `exit code ${code}`}):\n  ${lines.join('\n  ')}`)
  } finally {
    gaveUp.abort()
    for (const signal of signals) process.off(signal, end)
  }
  // The program has ended; now this process does as it was told.
  process.kill(process.pid, ended)
  await new Promise(() => {})
}

/** Resolves when npm has been killed: the shell between npm and this script dies without passing the signal on. */
export function abandoned(signal) {
  return new Promise((resolve) => {
    if (!process.env.npm_lifecycle_event) return
    const timer = setInterval(() => process.ppid !== ppid && resolve(), 500).unref()
    signal?.addEventListener('abort', () => clearInterval(timer))
  })
}
