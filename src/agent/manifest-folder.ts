import { type Dirent, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import {
  type ConfigData,
  type ConfigDocument,
  type ConfigLookup,
  isConfigKey,
  lookupIn,
} from '../manifest/config-data.ts'
import type { Deployment } from '../manifest/deployment.ts'
import { readDocuments, readManifests } from '../manifest/documents.ts'
import { isSafeName } from '../manifest/names.ts'
import { derivedUid } from '../manifest/pod.ts'
import type { DesiredPod } from './agent-parts.ts'

/** What a folder of manifests asks for. */
export interface FolderContents {
  readonly pods: readonly DesiredPod[]
  readonly deployments: readonly { readonly deployment: Deployment; readonly file: string }[]
  readonly lookup: ConfigLookup
  /** Why files could not be read, by name: what they asked for before stays as it is. */
  readonly broken: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

export const manifestFile = /^[^.].*\.(ya?ml|json)$/

/** Bytes; what is larger is no manifest. */
const largestFile = 4 << 20

/** Makes the folder if it is not there, and answers its real path. */
export function openFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  return realpathSync(folder)
}

/**
 * Reads the `.yaml`, `.yml` and `.json` files of a folder, in the order of their names. ConfigMaps and Secrets can
 * also be folders
 * of files: `configmaps/<name>/<key>`, `secrets/<name>/<key>`.
 *
 * @throws when the folder itself cannot be read
 */
export function readFolder(folder: string): FolderContents {
  const pods: DesiredPod[] = []
  const deployments: { deployment: Deployment; file: string }[] = []
  const configs: ConfigDocument[] = []
  const broken = new Map<string, string>()
  const warnings: string[] = []
  const owners = new Map<string, string>()
  for (const file of readdirSync(folder)
    .filter((name) => manifestFile.test(name))
    .toSorted()) {
    try {
      const path = join(folder, file)
      const stats = statSync(path)
      if (!stats.isFile()) continue
      if (stats.size > largestFile) throw new Error(`it has ${stats.size} bytes, which is too much for a manifest`)
      const documents = readDocuments(readFileSync(path, 'utf8'), file)
      const found = readManifests(documents)
      const names = documents.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)
      const twice = names.find((name, index) => owners.has(name) || names.indexOf(name) !== index)
      if (twice !== undefined) throw new Error(`${twice} is also in ${owners.get(twice) ?? file}`)
      for (const name of names) owners.set(name, file)
      for (const { pod, hash, hasUid } of found.pods) {
        const uid = hasUid ? pod.uid : derivedUid(pod.namespace, `${pod.name}@${hash}`)
        pods.push({ pod: { ...pod, uid }, hash, file, deployment: undefined })
      }
      deployments.push(...found.deployments.map((deployment) => ({ deployment, file })))
      configs.push(...found.configs)
      warnings.push(...found.warnings.map((warning) => `${file}: ${warning}`))
    } catch (error) {
      broken.set(file, messageOf(error))
    }
  }
  const inManifests = lookupIn(configs)
  const lookup: ConfigLookup = (kind, namespace, name) =>
    inManifests(kind, namespace, name) ?? readConfigFolder(join(folder, `${kind.toLowerCase()}s`), name)
  return { pods, deployments, lookup, broken, warnings }
}

function readConfigFolder(folder: string, name: string): ConfigData | undefined {
  if (!isSafeName(name)) return undefined
  let entries: Dirent[]
  try {
    entries = readdirSync(join(folder, name), { withFileTypes: true })
  } catch {
    return undefined
  }
  const files = entries.filter((entry) => entry.isFile() && isConfigKey(entry.name))
  return new Map(files.map((file) => [file.name, readFileSync(join(folder, name, file.name))]))
}

/** Calls `onChange` when something in the folder changes; it may call too often, and, where inotify fails, never. */
export function watchFolder(folder: string, onChange: () => void): Disposable {
  try {
    const watcher = watch(folder, { persistent: false }, onChange)
    watcher.on('error', () => watcher.close())
    return { [Symbol.dispose]: () => watcher.close() }
  } catch {
    return { [Symbol.dispose]: () => {} }
  }
}
