import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'

/** Where distributions and installers put CNI plugins: upstream and Kubernetes; Debian; Fedora and SUSE. */
export const defaultBinDirs: readonly string[] = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']

/** The path of a plugin's program: the first executable file of that name in the folders. Undefined when there is none. */
export function findPlugin(type: string, binDirs: readonly string[]): string | undefined {
  return binDirs.map((folder) => join(folder, type)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
