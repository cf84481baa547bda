import * as v from 'valibot'
import { invalidArgument } from '../../lib/errors.ts'

const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32 - 2))
const path = v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))
const env = v.pipe(v.string(), v.regex(/^[^=]+=/, 'must be of the form NAME=value'))

const edits = v.object({
  env: v.optional(v.array(env), []),
  deviceNodes: v.optional(
    v.array(
      v.object({
        path,
        hostPath: v.optional(path),
        type: v.optional(v.picklist(['b', 'c', 'u', 'p'])),
        major: v.optional(v.number()),
        minor: v.optional(v.number()),
        fileMode: v.optional(v.number()),
        permissions: v.optional(v.pipe(v.string(), v.regex(/^[rwm]{0,3}$/)), 'rwm'),
        uid: v.optional(id),
        gid: v.optional(id),
      }),
    ),
    [],
  ),
  mounts: v.optional(
    v.array(
      v.object({
        hostPath: v.string(),
        containerPath: path,
        type: v.optional(v.string(), 'bind'),
        options: v.optional(v.array(v.string()), []),
      }),
    ),
    [],
  ),
  hooks: v.optional(
    v.array(
      v.object({
        hookName: v.picklist([
          'prestart',
          'createRuntime',
          'createContainer',
          'startContainer',
          'poststart',
          'poststop',
        ]),
        path,
        args: v.optional(v.array(v.string())),
        env: v.optional(v.array(env)),
        timeout: v.optional(v.number()),
      }),
    ),
    [],
  ),
  additionalGids: v.optional(v.array(id), []),
  intelRdt: v.optional(v.unknown()),
  netDevices: v.optional(v.array(v.unknown()), []),
})

/** The names of the Container Device Interface: `vendor.com/class`, and a device `vendor.com/class=name`. */
const kindPattern = /^[a-zA-Z][a-zA-Z0-9_.-]*\/[a-zA-Z][a-zA-Z0-9_-]*$/
const namePattern = /^[a-zA-Z0-9]([a-zA-Z0-9_.:-]*[a-zA-Z0-9])?$/

const schema = v.object({
  cdiVersion: v.pipe(v.string(), v.regex(/^(0\.[3-9]|1\.\d+)\.\d+$/, 'is not a version from 0.3.0 on')),
  kind: v.pipe(v.string(), v.regex(kindPattern, 'is not of the form vendor/class')),
  devices: v.array(v.object({ name: v.pipe(v.string(), v.regex(namePattern)), containerEdits: edits })),
  containerEdits: v.optional(edits),
})

/** A file that describes devices of one kind (CNCF Container Device Interface, SPEC.md). */
export type CdiSpec = v.InferOutput<typeof schema>
/** What a device changes in a container. */
export type ContainerEdits = v.InferOutput<typeof edits>

/** Checks a parsed file; throws invalid-argument with what is wrong. Keys of later versions are passed over. */
export function parseCdiSpec(content: unknown): CdiSpec {
  const parsed = v.safeParse(schema, content)
  if (parsed.success) return parsed.output
  const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`)
  throw invalidArgument(problems.join('; '))
}

/** A device's full name taken apart; throws invalid-argument for what is none. */
export function parseDeviceName(name: string): { readonly kind: string; readonly device: string } {
  const equals = name.indexOf('=')
  const kind = name.slice(0, Math.max(0, equals))
  const device = name.slice(equals + 1)
  if (!kindPattern.test(kind) || !namePattern.test(device)) {
    throw invalidArgument(`${JSON.stringify(name)} is not the name of a CDI device (vendor.com/class=name)`)
  }
  return { kind, device }
}
