import { join } from 'node:path'
import { isExecutable } from './is-executable.ts'

/** Where programs are when PATH does not say, as under a service manager. */
export const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The path of a program on PATH or in one of the standard folders; undefined when there is none. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? standardPath).split(':').concat(standardPath.split(':'))
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}
