import { messageOf } from '../../lib/errors.ts'
import type { RunningExec } from '../../pod/exec.ts'
import type { Pods } from '../../pod/pods.ts'
import type { CommandOutcome, RemoteCommandSession, StreamRequest } from '../session.ts'
import { sendInput, sendKeys } from './input.ts'
import { followResizes, gone, OutputPumps } from './output.ts'

/**
 * After the command's own process has ended, its background processes may hold its output open. What they write is passed on
 * until they are silent for so long, in milliseconds; containerd would wait for them for ever.
 */
const quietMs = 1000

/**
 * Runs a command in a container with its stdio at a client.
 *
 * When the client goes before the command has ended, no signal is sent, as with containerd; but the command sees what any
 * program sees whose other end has gone: its stdin ends, writing gives SIGPIPE, and a terminal hangs up (SIGHUP), so that
 * shells and what runs in them do not stay behind (kubernetes/kubernetes#89031), as they do where a runtime keeps the
 * terminal open. A command that neither reads nor writes runs to its end.
 */
export async function runExec(
  pods: Pick<Pods, 'exec'>,
  request: Extract<StreamRequest, { type: 'exec' }>,
  session: RemoteCommandSession,
): Promise<void> {
  let command: RunningExec
  try {
    command = await pods.exec(request, session.gone)
  } catch (error) {
    return session.finish({ type: 'failed', message: messageOf(error) })
  }
  // Whoever stops waiting for it does not hear of its end.
  command.exited.catch(() => {})
  try {
    await session.finish(await stream(command, request.tty, session))
  } finally {
    command.close()
  }
}

async function stream(command: RunningExec, tty: boolean, session: RemoteCommandSession): Promise<CommandOutcome> {
  const output = new OutputPumps(command, session)
  if (session.stdin) {
    void (tty && command.stdin ? sendKeys(session.stdin, command.stdin) : sendInput(session.stdin, command.stdin))
  }
  if (session.resizes && command.resize) void followResizes(session.resizes, command.resize)
  try {
    const exitCode = await Promise.race([command.exited, gone(session.gone)])
    if (exitCode === 'gone') return { type: 'failed', message: 'the client has gone' }
    output.endWhenQuiet(quietMs)
    await Promise.race([output.done, gone(session.gone)])
    return { type: 'exited', exitCode }
  } catch (error) {
    return { type: 'failed', message: messageOf(error) }
  } finally {
    output.end()
  }
}
