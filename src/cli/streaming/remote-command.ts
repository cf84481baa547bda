import type { Readable } from 'node:stream'
import { cancelled } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { ChannelSocket } from './channel-socket.ts'
import { DetachKeys } from './detach-keys.ts'
import { exitCodeOf } from './status.ts'
import { UserTerminal } from './user-terminal.ts'

const stdinChannel = 0
const stdoutChannel = 1
const stderrChannel = 2
const errorChannel = 3
const resizeChannel = 4

const v5 = 'v5.channel.k8s.io'
const v4 = 'v4.channel.k8s.io'

/** What is kept of the error channel, in bytes: a status is short. */
const maxStatus = 1024 * 1024

export interface RemoteCommand {
  /** As the runtime answered it. */
  readonly url: string
  /** What to send as input; none when absent. */
  readonly stdin?: Readable
  readonly tty: boolean
  /** Ctrl-P Ctrl-Q leaves. */
  readonly detachable: boolean
}

/**
 * Connects the user's terminal with a remote command until that ends; answers its exit code. Memory stays bounded in both
 * directions, and the user's terminal is as before, however it ends.
 *
 * @throws unavailable when the connection cannot be made or breaks; cancelled when the user gave up
 */
export async function runRemoteCommand(cli: Cli, command: RemoteCommand): Promise<number> {
  const { stdout, stderr, signal } = cli.terminal
  const status: Buffer[] = []
  const closed = Promise.withResolvers<void>()
  const outputs = { [stdoutChannel]: stdout, [stderrChannel]: stderr } as const
  const socket = await ChannelSocket.open(
    command.url,
    [v5, v4],
    {
      onData(channel, data) {
        if (channel === errorChannel && Buffer.concat(status).length < maxStatus) status.push(Buffer.from(data))
        const output = outputs[channel as keyof typeof outputs]
        if (!output || data.length === 0 || output.write(data)) return true
        output.once('drain', () => socket.resume())
        return false
      },
      onClose: () => closed.resolve(),
    },
    signal,
  )
  let detached = false
  const detach = () => {
    detached = true
    socket.close()
  }
  using _terminal = command.tty ? terminalFor(cli, command, socket) : undefined
  using _input = command.stdin ? sendInput(cli, command, socket, detach) : undefined
  await closed.promise
  if (signal.aborted) throw cancelled('the user gave up', signal.reason)
  return detached ? 0 : exitCodeOf(String(Buffer.concat(status)))
}

function terminalFor(cli: Cli, { stdin }: RemoteCommand, socket: ChannelSocket): Disposable | undefined {
  if (!stdin) return undefined
  return new UserTerminal(stdin, cli.terminal.stdout, ({ width, height }) => {
    socket.send(resizeChannel, Buffer.from(JSON.stringify({ Width: width, Height: height }))).catch(ignore)
  })
}

/** Passes input on until it ends. Disposed of, it leaves stdin alone, so that the process can end. */
function sendInput(cli: Cli, command: RemoteCommand, socket: ChannelSocket, detach: () => void): Disposable {
  const stdin = command.stdin as Readable
  const keys = command.detachable && command.tty ? new DetachKeys() : undefined
  let ended = false
  const onData = (chunk: Buffer) => {
    const { bytes, detach: leave } = keys?.add(chunk) ?? { bytes: chunk, detach: false }
    stdin.pause()
    socket.send(stdinChannel, bytes).then(() => ended || stdin.resume(), ignore)
    if (leave) detach()
  }
  const onEnd = () => {
    if (socket.protocol === v5) socket.endChannel(stdinChannel).catch(ignore)
    else if (!command.tty) cli.note('this runtime cannot be told that the input has ended; Ctrl-C ends the connection')
  }
  stdin.on('data', onData).once('end', onEnd)
  return {
    [Symbol.dispose]() {
      ended = true
      stdin.off('data', onData).off('end', onEnd)
      stdin.pause()
      // A pipe or a terminal that was read keeps the process alive otherwise.
      ;(stdin as Readable & { unref?(): void }).unref?.()
    },
  }
}

function ignore(): void {}
