import { messageOf } from '../../lib/errors.ts'
import type { Attached } from '../../pod/attach.ts'
import type { Pods } from '../../pod/pods.ts'
import type { CommandOutcome, RemoteCommandSession, StreamRequest } from '../session.ts'
import { sendInput, sendKeys } from './input.ts'
import { followResizes, gone, OutputPumps } from './output.ts'

/**
 * Shares the stdio of a running container with a client, until the client goes or the container ends. The container never
 * waits for a client, and runs on without it.
 */
export async function runAttach(
  pods: Pick<Pods, 'attach'>,
  request: Extract<StreamRequest, { type: 'attach' }>,
  session: RemoteCommandSession,
): Promise<void> {
  let attached: Attached
  try {
    attached = await pods.attach(request, session.gone)
  } catch (error) {
    return session.finish({ type: 'failed', message: messageOf(error) })
  }
  try {
    await session.finish(await stream(attached, session))
  } finally {
    attached.close()
  }
}

async function stream(attached: Attached, session: RemoteCommandSession): Promise<CommandOutcome> {
  const output = new OutputPumps(attached, session)
  const input = session.stdin ? sendAll(attached, session.stdin) : undefined
  if (session.resizes && attached.resize) void followResizes(session.resizes, attached.resize)
  const ends = attached.ended.then(async (end): Promise<CommandOutcome> => {
    await output.done
    if (end !== 'too-slow') return { type: 'exited', exitCode: 0 }
    return { type: 'failed', message: 'detached: the output came faster than it was taken; attach again' }
  })
  // With input alone there is nothing to wait for once it has ended.
  const inputEnds =
    input && !session.stdout && !session.stderr ? [input.then(() => ({ type: 'exited', exitCode: 0 }) as const)] : []
  try {
    const outcome = await Promise.race([ends, ...inputEnds, gone(session.gone)])
    return outcome === 'gone' ? { type: 'failed', message: 'the client has gone' } : outcome
  } catch (error) {
    return { type: 'failed', message: messageOf(error) }
  } finally {
    // With the container's end the input has ended too, as far as anybody can still tell.
    if (session.gone.aborted && session.stdin) await attached.endStdin().catch(() => {})
    output.end()
  }
}

async function sendAll(attached: Attached, input: NonNullable<RemoteCommandSession['stdin']>): Promise<void> {
  const keys = attached.resize !== undefined && attached.stdin !== undefined
  await (keys ? sendKeys(input, attached.stdin as NonNullable<Attached['stdin']>) : sendInput(input, attached.stdin))
  // The container may have ended meanwhile, or its shim: then there is no stdin to end.
  await attached.endStdin().catch(() => {})
}
