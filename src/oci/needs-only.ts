import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MountView } from '../linux/mount-view.ts'
import type { Spec } from './runtime-spec.ts'

/**
 * Whether the container of a bundle can be made by a runtime that sees no more of the machine's mounts than `view` shows: none
 * of its mounts comes out of what is hidden, or shows a folder in which that would be missing. Hooks may look at anything.
 */
export function needsOnly(view: MountView, bundle: string): boolean {
  const { hooks, root, mounts = [], linux } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec
  if (Object.values(hooks ?? {}).some((stage) => stage.length > 0)) return false
  const namespaces = linux?.namespaces ?? []
  const paths = [root?.path, ...mounts.map(({ source }) => source), ...namespaces.map(({ path }) => path)]
  return paths.every((path) => path === undefined || isShown(view, path))
}

function isShown({ hidden, shown }: MountView, path: string): boolean {
  if (shown.some((folder) => isWithin(path, folder))) return true
  return !hidden.some((folder) => isWithin(path, folder) || isWithin(folder, path))
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}
