import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cgroupAt } from '../linux/cgroup/names.ts'
import { isId } from '../state/stored-fields.ts'

/** What the bundle of a container tells of it, when no record does. No container can write there. */
export interface BundleFacts {
  /** The path of its cgroup. */
  readonly cgroup?: string
  readonly sandboxId?: string
  readonly pid?: number
}

/** Never throws: what is not there, or no longer whole, is not told. */
export function bundleFacts(bundle: string): BundleFacts {
  const { annotations, linux } = readSpec(bundle)
  const cgroup = typeof linux?.cgroupsPath === 'string' ? cgroupOf(linux.cgroupsPath) : undefined
  const sandboxId = annotations?.['io.kubernetes.cri.sandbox-id']
  const pid = Number(readText(join(bundle, 'init.pid')).trim())
  return {
    ...(cgroup !== undefined && { cgroup }),
    ...(typeof sandboxId === 'string' && isId(sandboxId) && { sandboxId }),
    ...(Number.isSafeInteger(pid) && pid > 0 && { pid }),
  }
}

interface Spec {
  readonly annotations?: Readonly<Record<string, unknown>>
  readonly linux?: { readonly cgroupsPath?: unknown }
}

function readSpec(bundle: string): Spec {
  try {
    const value: unknown = JSON.parse(readText(join(bundle, 'config.json')))
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function cgroupOf(cgroupsPath: string): string | undefined {
  try {
    // Only systemd's form has colons: a path with them is refused.
    return cgroupAt(cgroupsPath, cgroupsPath.includes(':') ? 'systemd' : 'cgroupfs')
  } catch {
    return undefined
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
