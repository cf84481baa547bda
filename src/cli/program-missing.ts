import { messageOf } from '../lib/errors.ts'

/** What a shell says of a command that it cannot run: the exit code, and a sentence. */
export interface CannotRun {
  readonly exitCode: 126 | 127
  readonly message: string
}

/**
 * Tells from the failure of an exec whether the program that the user typed is not there (127) or cannot be executed (126), as
 * shells do. CRI has no code for it: these are the sentences of runc and crun, which all runtimes pass on. Undefined for all else.
 */
export function cannotRun(error: unknown, program: string): CannotRun | undefined {
  const said = messageOf(error)
  if (/executable file .*not found|exec: ".*": stat .*: no such file|\bexec \S+: no such file/i.test(said)) {
    const where = program.includes('/') ? '' : ' in its PATH'
    return { exitCode: 127, message: `cannot run "${program}": the container has no such program${where}` }
  }
  if (/exec: ".*": permission denied|\bexec \S+: permission denied|executable[^:]*: permission denied/i.test(said)) {
    return { exitCode: 126, message: `cannot run "${program}": it is not executable for the container's user` }
  }
  return undefined
}
