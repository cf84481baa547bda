import * as v from 'valibot'
import type { ImageConfig, ImageUser } from './image.ts'
import { parseJson } from './manifest.ts'
import { isDigest } from './reference.ts'

/** What Berth reads of an image's configuration document (OCI image-spec, config.md; Docker's has the same fields). */
export interface ImageDocument {
  readonly config: ImageConfig
  /** The digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly string[]
}

/** One that says nothing, for what is no image and has none. */
export const emptyImageConfig = '{"rootfs":{}}'

const text = v.nullish(v.string(), '')
const list = v.nullish(v.array(v.string()))
const keys = v.nullish(v.record(v.string(), v.unknown()))

const document = v.object({
  os: text,
  architecture: text,
  variant: text,
  rootfs: v.object({ diff_ids: v.nullish(v.array(v.pipe(v.string(), v.check(isDigest, 'not a digest'))), []) }),
  config: v.nullish(
    v.object({
      Entrypoint: list,
      Cmd: list,
      Env: list,
      WorkingDir: text,
      User: text,
      ExposedPorts: keys,
      Volumes: keys,
      Labels: v.nullish(v.record(v.string(), v.nullish(v.string(), ''))),
      StopSignal: text,
    }),
  ),
})

/** Reads an image's configuration. Throws an Error that says what is wrong with it. */
export function parseImageConfig(bytes: Buffer): ImageDocument {
  const result = v.safeParse(document, parseJson(bytes))
  if (!result.success) {
    const [issue] = result.issues
    throw new Error(`its configuration is damaged: ${v.getDotPath(issue) ?? ''}: ${issue.message.slice(0, 200)}`)
  }
  const { config, rootfs, os, architecture, variant } = result.output
  return {
    diffIds: rootfs.diff_ids,
    config: {
      entrypoint: config?.Entrypoint ?? [],
      cmd: config?.Cmd ?? [],
      env: config?.Env ?? [],
      workingDir: config?.WorkingDir ?? '',
      user: config?.User ?? '',
      exposedPorts: Object.keys(config?.ExposedPorts ?? {}).sort(),
      volumes: Object.keys(config?.Volumes ?? {}).sort(),
      labels: config?.Labels ?? {},
      stopSignal: config?.StopSignal ?? '',
      os,
      architecture,
      variant,
    },
  }
}

/** The largest uid: uid_t has 32 bits, and the highest value means "none" to the kernel. */
const maxUid = 0xffff_fffe

/**
 * Whom `User` (`name`, `uid`, `name:group`, `uid:gid`) stands for; nobody given is uid 0. A number that is no uid counts as
 * a name, so that `runAsNonRoot` cannot be got around by a number that wraps to 0 (CVE-2024-40635).
 */
export function imageUser(user: string): ImageUser {
  const name = user.split(':')[0] as string
  if (name === '') return { uid: 0 }
  return /^[0-9]{1,10}$/.test(name) && Number(name) <= maxUid ? { uid: Number(name) } : { username: name }
}
