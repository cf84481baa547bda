import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BerthError, messageOf, operationFailed } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { openRemoteStreams, type RemoteStreams } from '../../client/streaming/remote-streams.ts'
import type { TlsFiles } from '../../client/streaming/tls-files.ts'

/** How much of what tar complains of is kept, in characters. */
const keptWords = 4000

/** Runs tar in a container, with this as its input. */
export async function feedTar(cli: Cli, containerId: string, args: readonly string[], tls: TlsFiles, input: Readable) {
  await runTar(cli, { containerId, args, tls, stdin: true }, async ({ stdin }) => {
    if (stdin) await pipeline(input, stdin)
  })
}

/** Runs tar in a container; `take` gets what it writes. */
export async function readTar(
  cli: Cli,
  containerId: string,
  args: readonly string[],
  tls: TlsFiles,
  take: (tar: Readable) => Promise<void>,
) {
  await runTar(cli, { containerId, args, tls, stdin: false }, async ({ stdout }) => {
    if (stdout) await take(stdout)
  })
}

interface TarRun {
  readonly containerId: string
  readonly args: readonly string[]
  readonly tls: TlsFiles
  readonly stdin: boolean
}

/** Throws what tar says when it fails, and that there is none where that is so. */
async function runTar(
  cli: Cli,
  { containerId, args, tls, stdin }: TarRun,
  work: (streams: RemoteStreams) => Promise<void>,
): Promise<void> {
  const request = { containerId, cmd: ['tar', ...args], stdin, stdout: true, stderr: true, tty: false }
  const { url } = await cli.cri.runtime.exec(request, cli.ask)
  using remote = await openRemoteStreams(
    url,
    { stdin, stdout: true, stderr: true, tty: false },
    tls,
    cli.terminal.signal,
  )
  let words = ''
  remote.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (words.length < keptWords) words += text
  })
  if (stdin) remote.stdout?.resume()
  const [worked, exit] = await Promise.allSettled([work(remote), remote.exitCode])
  if (exit.status === 'rejected') throw withoutTar(exit.reason)
  // What tar says goes before what became of its pipe, but not before what was wrong with what it sent.
  if (exit.value !== 0) {
    if (worked.status === 'rejected' && worked.reason instanceof BerthError && worked.reason.code !== 'unknown')
      throw worked.reason
    throw operationFailed(`tar in the container ended with ${exit.value}: ${words.trim() || 'it said nothing'}`)
  }
  if (worked.status === 'rejected') throw worked.reason
}

function withoutTar(error: unknown): unknown {
  if (!/executable file .*not found|no such file/i.test(messageOf(error))) return error
  return operationFailed('berth cp needs the program tar in the container, and there is none', error)
}
