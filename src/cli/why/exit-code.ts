import { constants } from 'node:os'
import { describeDuration } from '../format/age.ts'
import { describeBytes } from '../format/bytes.ts'
import type { Cause } from './explanation.ts'
import { failureCause } from './failure-cause.ts'

/** How a container ended, as CRI tells it. */
export interface Exit {
  readonly exitCode: number
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, `Unknown`; other runtimes have others. */
  readonly reason: string
  readonly message: string
  /** In bytes; 0 when it has none. */
  readonly memoryLimit: number
  /** Milliseconds; undefined when it never ran. */
  readonly ranMs: number | undefined
  /** Whether the pod goes on, or is well, without it: it was an init container, or a job. */
  readonly isDone?: boolean
}

/** Why a container ended, and what to do about it. */
export function exitCause(exit: Exit): Cause {
  const { exitCode, reason, message, ranMs, isDone = false } = exit
  const after = ranMs === undefined ? '' : ` after ${describeDuration(ranMs).toLowerCase()}`
  const ended = `it ended${after} with code ${exitCode}`
  const said = message.trim() === '' ? {} : { said: message.trim() }
  if (reason === 'OOMKilled') return { ...oomKilled(exit, ended), ...said }
  if (reason === 'StartError' || reason === 'ContainerCannotRun' || (exitCode === 128 && message !== '')) {
    return failureCause({ rpc: 'StartContainer', message })
  }
  if (reason === 'Unknown') return { ...lost(exit), ...said }
  return { ...ofCode(exitCode, ended, isDone), ...said }
}

function oomKilled({ memoryLimit }: Exit, ended: string): Cause {
  const kill = `${ended}: SIGKILL (128 + 9) from the kernel's OOM killer`
  return memoryLimit > 0
    ? {
        layer: 'kernel',
        what: `${kill}, since it used more memory than its limit of ${describeBytes(memoryLimit)}`,
        next: `raise resources.limits.memory above ${describeBytes(memoryLimit)}, or find out what takes the memory`,
      }
    : {
        layer: 'kernel',
        what: `${kill}. It has no limit of its own: the memory of its pod or of the node was used up`,
        next: 'give the memory hogs of this node limits; dmesg shows what the kernel killed, and for whom',
      }
}

/** Nobody can tell how it ended. */
function lost({ message }: Exit): Cause {
  return /restart/.test(message)
    ? {
        layer: 'node',
        what: 'the machine was restarted while it ran; what its exit code was, nobody knows',
        next: 'nothing: the kubelet makes the pod anew; without a kubelet remove it (berth rmp) and run it again',
      }
    : {
        layer: 'container runtime',
        what: 'its end was seen by nobody, and its exit code is lost',
        next: 'look at its log; if it happens again, at the log of the container runtime around that time',
      }
}

/** Codes that programs and shells give a meaning to (bash(1), EXIT STATUS), and those of signals. */
function ofCode(exitCode: number, ended: string, isDone: boolean): Cause {
  const signal = signalOf(exitCode)
  if (signal !== undefined) return ofSignal(signal, exitCode, ended)
  switch (exitCode) {
    case 0:
      return {
        layer: 'application',
        what: `${ended}: its command has done its work and ended by itself, with success`,
        next: isDone
          ? 'nothing: its pod is well without it'
          : 'if it should go on: its command must stay in the foreground (a server that makes itself a daemon ends)',
      }
    case 126:
      return {
        layer: 'application',
        what: `${ended}: a shell found the command but could not execute it: no permission, or no program`,
        next: 'check the mode of the file (chmod +x) and that it is for this CPU; its log has the shell’s words',
      }
    case 127:
      return {
        layer: 'application',
        what: `${ended}: a shell did not find the command, or the loader not a library`,
        next: 'check command, args and PATH against what is in the image; its log has the name that was not found',
      }
    default:
      return {
        layer: 'application',
        what: `${ended}: the program says by it that it failed${exitCode === 255 ? ' (255 is also what exit(-1) gives)' : ''}`,
        next: 'its own log says why',
      }
  }
}

function ofSignal(signal: string, exitCode: number, ended: string): Cause {
  const what = (meaning: string) => `${ended}, which is ${signal} (128 + ${exitCode - 128}): ${meaning}`
  switch (signal) {
    case 'SIGKILL':
      return {
        layer: 'application',
        what: what('it was killed, and not by the OOM killer'),
        next:
          'most often a stop whose grace period was over (the kubelet: deletion, eviction, a liveness probe that failed): ' +
          'see that it ends at SIGTERM, and look at the pod’s events',
      }
    case 'SIGTERM':
    case 'SIGINT':
    case 'SIGHUP':
    case 'SIGQUIT':
      return {
        layer: 'application',
        what: what('it was asked to end, and did'),
        next: 'nothing is wrong if somebody stopped it; else look at the pod’s events for who did',
      }
    case 'SIGSEGV':
    case 'SIGBUS':
    case 'SIGFPE':
    case 'SIGABRT':
    case 'SIGTRAP':
      return {
        layer: 'application',
        what: what(
          signal === 'SIGABRT' ? 'the program gave itself up (abort, a failed assertion)' : 'the program crashed',
        ),
        next: 'a bug in the program or in a library of the image: its log, and a core dump, say where',
      }
    case 'SIGILL':
      return {
        layer: 'application',
        what: what('the CPU does not know an instruction of the program'),
        next: 'the image is built for newer CPUs, or another kind: take a build for this one',
      }
    case 'SIGSYS':
      return {
        layer: 'kernel',
        what: what('a seccomp profile does not allow a system call that it made'),
        next: 'see which one in the kernel log (dmesg, "audit: type=1326"), and use a profile that allows it',
      }
    default:
      return { layer: 'application', what: what('the signal ended it'), next: 'find out who sent the signal' }
  }
}

/** The name of the signal n whose code is 128 + n. */
export function signalOf(exitCode: number): string | undefined {
  if (exitCode <= 128 || exitCode > 192) return undefined
  const names = Object.entries(constants.signals).filter(([, number]) => number === exitCode - 128)
  return names[0]?.[0] ?? `signal ${exitCode - 128}`
}
