import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { invalidArgument, messageOf } from '../lib/errors.ts'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const hook = v.strictObject({
  path: v.pipe(v.string(), v.startsWith('/', 'must be an absolute path')),
  args: v.optional(v.array(v.string())),
  env: v.optional(v.array(v.string())),
  timeout: v.optional(v.pipe(count, v.minValue(1))),
})
const hooks = v.optional(v.array(hook))

/** What of a config.json can be set for all containers of a handler; the names are those of the runtime-spec. */
const schema = v.strictObject({
  ociVersion: v.optional(v.string()),
  process: v.optional(
    v.strictObject({
      rlimits: v.optional(
        v.array(v.strictObject({ type: v.pipe(v.string(), v.regex(/^RLIMIT_[A-Z]+$/)), hard: count, soft: count })),
      ),
      user: v.optional(v.strictObject({ umask: v.optional(count) })),
    }),
  ),
  mounts: v.optional(
    v.array(
      v.strictObject({
        destination: v.pipe(v.string(), v.startsWith('/', 'must be an absolute path')),
        type: v.optional(v.string()),
        source: v.optional(v.string()),
        options: v.optional(v.array(v.string())),
      }),
    ),
  ),
  annotations: v.optional(v.record(v.string(), v.string())),
  hooks: v.optional(
    v.strictObject({
      prestart: hooks,
      createRuntime: hooks,
      createContainer: hooks,
      startContainer: hooks,
      poststart: hooks,
      poststop: hooks,
    }),
  ),
})

/** The part of config.json that a handler gives all its containers. */
export type BaseSpec = v.InferOutput<typeof schema>

/** Reads a handler's base spec, JSON. Throws invalid-argument that names the file and the field. */
export function loadBaseSpec(path: string): BaseSpec {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw invalidArgument(`base_spec ${path} cannot be read: ${messageOf(error)}`, error)
  }
  const parsed = v.safeParse(schema, json)
  if (parsed.success) return parsed.output
  const problems = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`)
  throw invalidArgument(`base_spec ${path}: ${problems.join('; ')}`)
}
