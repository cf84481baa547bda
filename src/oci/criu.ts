import { join } from 'node:path'

/*
 * CRIU, which OCI runtimes call to checkpoint containers (https://criu.org). A container's pipes are files outside of its mount
 * namespace, which CRIU refuses to dump unless it is told of each (https://criu.org/External_files). runc and crun pass on a
 * configuration file that the annotation `org.criu.config` names; it has to be there when the container is created.
 */

/** For the config.json of every container: where its settings for CRIU will be. */
export function criuAnnotations(bundle: string): Readonly<Record<string, string>> {
  return { 'org.criu.config': criuConfigPath(bundle) }
}

export function criuConfigPath(bundle: string): string {
  return join(bundle, 'criu.conf')
}

/** A file that is open in a container, and not of its mount namespace. */
export interface ExternalFile {
  /** Of the mount, as /proc/<pid>/fdinfo shows it. */
  readonly mountId: number
  readonly inode: number
}

export function criuConfig(files: readonly ExternalFile[]): string {
  const lines = files.map(({ mountId, inode }) => `external file[${mountId.toString(16)}:${inode.toString(16)}]\n`)
  return [...new Set(lines)].join('')
}

/** The last error in CRIU's log: `(00.203606) Error (criu/files-reg.c:1790): Can't lookup mount=27 …`. */
export function lastCriuError(log: string): string | undefined {
  const errors = [...log.matchAll(/^\([\d.]+\) Error \(([^)]+)\): (.+)$/gm)]
  // The last ones only say that the dump has failed.
  const telling = errors.filter(([, , text = '']) => !/failed with -?\d+$|FAILED|^rlimit:/.test(text))
  const [, where, text] = telling.at(-1) ?? errors.at(-1) ?? []
  return text === undefined ? undefined : `${text} (${where})`
}
