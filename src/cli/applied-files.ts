import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { manifestFile } from '../agent/manifest-folder.ts'
import { errnoOf, failedPrecondition } from '../lib/errors.ts'
import { type ManifestDocument, readDocuments } from '../manifest/documents.ts'

/** The file of a folder of manifests in which `berth apply` keeps an object: each has one of its own. */
export const fileOf = ({ kind, namespace, name }: Pick<ManifestDocument, 'kind' | 'namespace' | 'name'>) =>
  `${kind.toLowerCase()}_${namespace}_${name}.yaml`

export const nameOf = ({ kind, name }: Pick<ManifestDocument, 'kind' | 'name'>) => `${kind.toLowerCase()}/${name}`

/** Writes an object into the folder, at once and whole; says what it was before, as kubectl does. */
export function writeObject(folder: string, document: ManifestDocument): 'created' | 'configured' | 'unchanged' {
  refuseOthers(folder, document)
  const path = join(folder, fileOf(document))
  const text = stringify(document.object)
  const before = textOf(path)
  if (before === text) return 'unchanged'
  // The agent does not look at names that begin with a dot.
  const next = join(folder, `.${fileOf(document)}`)
  // Only root may read it: it can be a Secret.
  writeFileSync(next, text, { mode: 0o600 })
  renameSync(next, path)
  return before === undefined ? 'created' : 'configured'
}

/** Removes an object from the folder; false when it is not there. */
export function removeObject(folder: string, document: Pick<ManifestDocument, 'kind' | 'namespace' | 'name'>): boolean {
  refuseOthers(folder, document)
  const path = join(folder, fileOf(document))
  if (textOf(path) === undefined) return false
  rmSync(path)
  return true
}

/** The objects of the folder, with their files. Files that cannot be read are left out: the agent tells of them. */
export function objectsIn(folder: string): { readonly file: string; readonly document: ManifestDocument }[] {
  return readdirSync(folder)
    .filter((file) => manifestFile.test(file))
    .flatMap((file) => {
      try {
        return readDocuments(readFileSync(join(folder, file), 'utf8'), file).map((document) => ({ file, document }))
      } catch {
        return []
      }
    })
}

/** Files that people wrote are theirs. */
function refuseOthers(folder: string, document: Pick<ManifestDocument, 'kind' | 'namespace' | 'name'>): void {
  const same = (other: ManifestDocument) =>
    other.kind === document.kind && other.namespace === document.namespace && other.name === document.name
  const other = objectsIn(folder).find((found) => same(found.document) && found.file !== fileOf(document))
  if (other) throw failedPrecondition(`${nameOf(document)} is in ${join(folder, other.file)}: change that file`)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
