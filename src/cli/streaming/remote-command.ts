import type { Readable, Writable } from 'node:stream'
import { cancelled } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { DetachKeys } from './detach-keys.ts'
import { openRemoteStreams, type RemoteStreams } from '../../client/streaming/remote-streams.ts'
import type { TlsFiles } from '../../client/streaming/tls-files.ts'
import { UserTerminal } from './user-terminal.ts'

export interface RemoteCommand {
  /** As the runtime answered it. */
  readonly url: string
  /** What to send as input; none when absent. */
  readonly stdin?: Readable
  readonly tty: boolean
  /** Ctrl-P Ctrl-Q leaves. */
  readonly detachable: boolean
  readonly tls: TlsFiles
}

/**
 * Connects the user's terminal with a remote command until that ends; answers its exit code. Memory stays bounded in both
 * directions, and the user's terminal is as before, however it ends.
 *
 * @throws unavailable when the connection cannot be made or breaks; cancelled when the user gave up
 */
export async function runRemoteCommand(cli: Cli, command: RemoteCommand): Promise<number> {
  const { stdout, stderr, signal } = cli.terminal
  const { stdin, tty } = command
  const wanted = { stdin: stdin !== undefined, stdout: true, stderr: !tty, tty }
  using remote = await openRemoteStreams(command.url, wanted, command.tls, signal)
  const detached = Promise.withResolvers<'detached'>()
  using _terminal = stdin && tty ? terminalFor(stdin, stdout, remote) : undefined
  const keys = command.detachable && tty ? new DetachKeys() : undefined
  using _input =
    stdin && remote.stdin ? sendInput(stdin, remote.stdin, keys, () => detached.resolve('detached')) : undefined
  const all = Promise.all([remote.exitCode, passOn(remote.stdout, stdout), passOn(remote.stderr, stderr)])
  try {
    const outcome = await Promise.race([all, detached.promise])
    return outcome === 'detached' ? 0 : outcome[0]
  } catch (error) {
    if (signal.aborted) throw cancelled('the user gave up', signal.reason)
    throw error
  }
}

function terminalFor(stdin: Readable, stdout: Writable, { resize }: RemoteStreams): Disposable {
  return new UserTerminal(stdin, stdout, (size) => resize?.(size))
}

/** Resolves when all of it has been passed on, or there is no more to come. */
function passOn(from: Readable | undefined, to: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (!from) resolve()
  from?.once('end', resolve).once('close', resolve).pipe(to, { end: false })
  return promise
}

/** Passes input on until it ends. Disposed of, it leaves `from` alone, so that the process can end. */
function sendInput(from: Readable, to: Writable, keys: DetachKeys | undefined, detach: () => void): Disposable {
  const onData = (chunk: Buffer) => {
    const { bytes, detach: leave } = keys?.add(chunk) ?? { bytes: chunk, detach: false }
    if (!to.write(bytes)) from.pause()
    if (leave) detach()
  }
  const onDrain = () => from.resume()
  const onEnd = () => to.end()
  to.on('drain', onDrain)
  from.on('data', onData).once('end', onEnd)
  return {
    [Symbol.dispose]() {
      to.off('drain', onDrain)
      from.off('data', onData).off('end', onEnd)
      from.pause()
      // A pipe or a terminal that was read keeps the process alive otherwise.
      ;(from as Readable & { unref?(): void }).unref?.()
    },
  }
}
