import { invalidArgument } from '../../lib/errors.ts'
import type { Process } from '../runtime-spec.ts'
import { withoutNul } from './checks.ts'

/** The process of an exec in a container: that of the container itself, with another command, and a terminal or none. */
export function execProcess(container: Process, command: readonly string[], tty: boolean): Process {
  if (command.length === 0 || command[0] === '') throw invalidArgument('cmd is empty: there is nothing to run')
  const { terminal: _, ...rest } = container
  const env = tty ? [...container.env.filter((entry) => !entry.startsWith('TERM=')), 'TERM=xterm'] : container.env
  return { ...rest, env, args: command.map((arg) => withoutNul('cmd', arg)), ...(tty && { terminal: true }) }
}
