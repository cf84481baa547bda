import { existsSync, readFileSync } from 'node:fs'
import { parse, TomlError } from 'smol-toml'
import * as v from 'valibot'
import { invalidArgument, messageOf } from '../lib/errors.ts'
import { keysOf, namesAt } from './keys.ts'
import { suggest } from '../lib/suggest.ts'

const absolutePath = v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))

const cgroupDriver = v.picklist(['cgroupfs', 'systemd'])

/** 0: no limit. */
const pidsLimit = v.pipe(v.number(), v.integer(), v.minValue(0))

const milliseconds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(600_000))

const runtimeHandler = v.strictObject({
  path: v.optional(v.string()),
  args: v.optional(v.array(v.string())),
  cgroup_driver: v.optional(cgroupDriver),
  pids_limit: v.optional(pidsLimit),
  pod_annotations: v.optional(v.array(v.string())),
  container_annotations: v.optional(v.array(v.string())),
  base_spec: v.optional(absolutePath),
  privileged_without_host_devices: v.optional(v.boolean()),
  cgroup_writable: v.optional(v.boolean()),
  sandbox_per_container: v.optional(v.boolean()),
  delete_timeout_ms: v.optional(milliseconds),
})

/** The configuration file, key by key; what is absent has the value that docs/configuration.md names. */
const schema = v.strictObject({
  root: v.optional(absolutePath, '/var/lib/berth'),
  state: v.optional(absolutePath, '/run/berth'),
  socket: v.optional(absolutePath),
  admin_socket: v.optional(absolutePath),
  log_level: v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
  cgroup_parent: v.optional(absolutePath, '/berth'),
  cgroup_driver: v.optional(cgroupDriver, 'cgroupfs'),
  pids_limit: v.optional(pidsLimit, 0),
  trace: v.optional(v.boolean(), false),
  start_early: v.optional(v.boolean(), false),
  expedite_rcu: v.optional(v.boolean(), true),
  hooks_dirs: v.optional(v.array(absolutePath), ['/usr/share/containers/oci/hooks.d', '/etc/containers/oci/hooks.d']),
  cdi_dirs: v.optional(v.array(absolutePath), ['/etc/cdi', '/var/run/cdi']),
  default_runtime: v.optional(v.string()),
  runtime: v.optional(
    v.record(v.pipe(v.string(), v.regex(/^[a-zA-Z0-9_.-]+$/, 'is not a name for a runtime handler')), runtimeHandler),
    {},
  ),
  cni: v.optional(
    v.strictObject({
      conf_dir: v.optional(absolutePath, '/etc/cni/net.d'),
      bin_dirs: v.optional(v.array(absolutePath)),
      plugin_timeout_ms: v.optional(milliseconds, 60_000),
      attach_ahead: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100)), 1),
    }),
    {},
  ),
  shim: v.optional(
    v.strictObject({
      pods_per_process: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 120),
    }),
    {},
  ),
  streaming: v.optional(
    v.pipe(
      v.strictObject({
        address: v.optional(v.pipe(v.string(), v.ip('must be an IP address')), '127.0.0.1'),
        port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535)), 0),
        tls_cert: v.optional(absolutePath),
        tls_key: v.optional(absolutePath),
        tls_client_ca: v.optional(absolutePath),
      }),
      v.check(
        ({ tls_cert, tls_key }) => (tls_cert === undefined) === (tls_key === undefined),
        'tls_cert and tls_key must be given together',
      ),
      v.check(
        ({ tls_cert, tls_client_ca }) => tls_client_ca === undefined || tls_cert !== undefined,
        'tls_client_ca goes with tls_cert and tls_key alone',
      ),
    ),
    {},
  ),
  tracing: v.optional(
    v.strictObject({
      endpoint: v.optional(
        v.pipe(v.string(), v.url('is not a URL'), v.regex(/^https?:/, 'must begin with http: or https:')),
      ),
      sample_ratio: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 1),
    }),
    {},
  ),
  metrics: v.optional(
    v.strictObject({
      port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65535)), 0),
    }),
    {},
  ),
  nri: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), true),
      socket: v.optional(absolutePath, '/var/run/nri/nri.sock'),
      external_plugins: v.optional(v.boolean(), true),
      plugin_dir: v.optional(absolutePath, '/opt/nri/plugins'),
      plugin_config_dir: v.optional(absolutePath, '/etc/nri/conf.d'),
      registration_timeout_ms: v.optional(milliseconds, 5000),
      request_timeout_ms: v.optional(milliseconds, 2000),
      validator: v.optional(
        v.strictObject({
          required_plugins: v.optional(v.array(v.string()), []),
          tolerate_missing_annotation: v.optional(v.string(), ''),
          reject_hooks: v.optional(v.boolean(), false),
          reject_runtime_default_seccomp: v.optional(v.boolean(), false),
          reject_unconfined_seccomp: v.optional(v.boolean(), false),
          reject_custom_seccomp: v.optional(v.boolean(), false),
          reject_namespaces: v.optional(v.boolean(), false),
          reject_sysctls: v.optional(v.boolean(), false),
        }),
      ),
    }),
    {},
  ),
  image: v.optional(
    v.strictObject({
      registry_config_dirs: v.optional(v.array(absolutePath)),
      plain_http: v.optional(v.array(v.string())),
      pinned: v.optional(v.array(v.string())),
      auth_file: v.optional(absolutePath),
      signature_policy: v.optional(absolutePath),
      max_layer_bytes: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), 2 ** 40),
      max_layer_entries: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), 10_000_000),
    }),
    {},
  ),
})

type Parsed = v.InferOutput<typeof schema>

/** What berthd runs with: file, command line and defaults put together. */
export type Config = Omit<Parsed, 'socket' | 'admin_socket'> & {
  readonly socket: string
  readonly admin_socket: string
}

/** The settings that the command line has too; they go before the file's. */
export type Overrides = Partial<Pick<Parsed, 'root' | 'state' | 'socket' | 'admin_socket' | 'log_level'>>

/** The configuration file that is read when none is named. */
export const standardFile = '/etc/berth/config.toml'

/** The file that is read: the one named, or the standard one where it is. */
export function configFileOf(named: string | undefined): string | undefined {
  return named ?? (existsSync(standardFile) ? standardFile : undefined)
}

/** The keys that a file may have, such as `cni.conf_dir`; those of a runtime handler without its name. */
export const configKeys = (): readonly string[] => keysOf(schema)

/** What berthd runs with when nothing is configured. */
export const defaultConfig = (): Config => loadConfig(undefined, {})

/** Reads the configuration file, if there is one, and checks it. Throws invalid-argument that names the key. */
export function loadConfig(path: string | undefined, overrides: Overrides): Config {
  const file = path === undefined ? {} : readToml(path)
  const parsed = v.safeParse(schema, { ...file, ...overrides })
  if (!parsed.success) {
    const problems = parsed.issues.map(problemOf)
    throw invalidArgument(`the configuration${path ? ` in ${path}` : ''} is not valid: ${problems.join('; ')}`)
  }
  const config = parsed.output
  return {
    ...config,
    socket: config.socket ?? `${config.state}/berth.sock`,
    admin_socket: config.admin_socket ?? `${config.state}/admin.sock`,
  }
}

function problemOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? 'the file'
  if (issue.type !== 'strict_object' || issue.expected !== 'never') return `${path}: ${issue.message}`
  const parts = (issue.path ?? []).map(({ key }) => String(key))
  const wrong = parts.at(-1) ?? ''
  const meant = suggest(wrong, namesAt(schema, parts.slice(0, -1)) ?? [])
  return `${path}: there is no such key${meant === undefined ? '' : `; did you mean "${meant}"?`}`
}

function readToml(path: string): Record<string, unknown> {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const what = error instanceof TomlError ? 'is not valid TOML' : 'cannot be read'
    throw invalidArgument(`the configuration file ${path} ${what}: ${messageOf(error)}`, error)
  }
}
