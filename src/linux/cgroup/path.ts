import { join } from 'node:path'
import { invalidArgument } from '../../lib/errors.ts'

/** The folder of a cgroup in a hierarchy. Throws invalid-argument for a path that is not plainly below the root. */
export function cgroupFolder(root: string, path: string): string {
  const [first, ...parts] = path.split('/')
  const plain = parts.length > 0 && parts.every((part) => part !== '' && part !== '.' && part !== '..')
  if (first !== '' || !plain || path.includes('\0')) {
    throw invalidArgument(
      `${JSON.stringify(path)} is not a cgroup that Berth may use: a path such as "/kubepods/pod1" is`,
    )
  }
  return join(root, path)
}
