import { type FSWatcher, mkdirSync, readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { extname, join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import { type NetworkConfiguration, parseNetworkConfiguration } from './network-configuration.ts'

export const defaultConfDir = '/etc/cni/net.d'

/** What a folder of CNI configurations says: the first valid file in lexicographic order, and what is wrong with those before. */
export interface FolderContents {
  readonly file?: string
  readonly configuration?: NetworkConfiguration
  readonly problems: readonly string[]
}

const extensions = new Set(['.conflist', '.conf', '.json'])
/** A larger file is no CNI configuration, in bytes. */
const maxFileSize = 1024 * 1024
/** Installers write in several steps; each gives an event. */
const debounceMs = 100

/** The folder where network add-ons drop their configuration. Reading it again is cheap as long as nothing has changed. */
export class ConfigurationFolder {
  readonly path: string
  #signature: string | undefined
  #contents: FolderContents = { problems: [] }
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(path: string) {
    this.path = path
  }

  /** What the folder says now. Never throws: what is wrong is among the problems. */
  read(): FolderContents {
    const { names, signature, problem } = this.#look()
    if (signature !== this.#signature) {
      this.#contents = problem === undefined ? readFirstValid(this.path, names) : { problems: [problem] }
      this.#signature = signature
    }
    return this.#contents
  }

  /** Calls `onChange` soon after something in the folder has changed. A folder that is not there yet is made. */
  watch(onChange: () => void): void {
    if (this.#watcher) return
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o755 })
      this.#watcher = watch(this.path, { persistent: false }, () => {
        clearTimeout(this.#timer)
        this.#timer = setTimeout(onChange, debounceMs).unref()
      })
      this.#watcher.on('error', () => this.unwatch())
    } catch {
      // No inotify watch left, or a read-only file system: whoever asks regularly sees the change too.
    }
  }

  unwatch(): void {
    clearTimeout(this.#timer)
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #look(): { names: string[]; signature: string; problem?: string } {
    try {
      const names = readdirSync(this.path)
        .filter((name) => extensions.has(extname(name)))
        .sort()
      return { names, signature: names.map((name) => fingerprint(join(this.path, name))).join('\n') }
    } catch (error) {
      const problem = errnoOf(error) === 'ENOENT' ? 'the folder does not exist' : messageOf(error)
      return { names: [], signature: problem, problem }
    }
  }
}

function fingerprint(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat ? `${path} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}` : `${path} gone`
}

function readFirstValid(folder: string, names: readonly string[]): FolderContents {
  const problems: string[] = []
  for (const name of names) {
    try {
      const path = join(folder, name)
      const stat = statSync(path)
      if (!stat.isFile()) throw new Error('it is not a file')
      if (stat.size > maxFileSize) throw new Error(`it is larger than ${maxFileSize} bytes`)
      const form = extname(name) === '.conflist' ? 'list' : 'single'
      return { file: name, configuration: parseNetworkConfiguration(readFileSync(path, 'utf8'), form), problems }
    } catch (error) {
      problems.push(`${name}: ${messageOf(error)}`)
    }
  }
  return { problems }
}
