import type { V1LifecycleHandler, V1Probe } from '@kubernetes/client-node'
import { invalidArgument } from '../lib/errors.ts'
import type { Port } from './container.ts'
import type { Fields } from './fields.ts'

/** What a probe or a lifecycle hook does. An empty host is the pod's own address. */
export type Action =
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | HttpAction
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string }
  | { readonly kind: 'sleep'; readonly seconds: number }

export interface HttpAction {
  readonly kind: 'http'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly secure: boolean
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** What a probe can do. */
export function readProbeAction(fields: Fields<V1Probe>, ports: readonly Port[]): Action {
  const grpc = fields.object('grpc')
  if (grpc) return { kind: 'grpc', port: readPort(grpc, ports), service: grpc.string('service') ?? '' }
  return readCommonAction(fields, ports) ?? missing(fields.path, 'exec, httpGet, tcpSocket or grpc')
}

/** What a lifecycle hook can do. */
export function readHookAction(fields: Fields<V1LifecycleHandler>, ports: readonly Port[]): Action {
  const sleep = fields.object('sleep')
  if (sleep) return { kind: 'sleep', seconds: sleep.integer('seconds') ?? missing(sleep.path, 'seconds') }
  return readCommonAction(fields, ports) ?? missing(fields.path, 'exec, httpGet or sleep')
}

type CommonHandler = Pick<V1LifecycleHandler, keyof V1LifecycleHandler & keyof V1Probe>

function readCommonAction(fields: Fields<CommonHandler>, ports: readonly Port[]): Action | undefined {
  const exec = fields.object('exec')
  if (exec) {
    const command = exec.strings('command')
    return command.length > 0 ? { kind: 'exec', command } : missing(exec.path, 'command')
  }
  const tcp = fields.object('tcpSocket')
  if (tcp) return { kind: 'tcp', host: tcp.string('host') ?? '', port: readPort(tcp, ports) }
  const http = fields.object('httpGet')
  if (!http) return undefined
  const scheme = (http.string('scheme') || 'HTTP').toUpperCase()
  if (scheme !== 'HTTP' && scheme !== 'HTTPS') throw invalidArgument(`${http.path}.scheme must be HTTP or HTTPS`)
  const path = http.string('path') || '/'
  return {
    kind: 'http',
    host: http.string('host') ?? '',
    port: readPort(http, ports),
    path: path.startsWith('/') ? path : `/${path}`,
    secure: scheme === 'HTTPS',
    headers: http
      .objects('httpHeaders')
      .map((header) => [header.requiredString('name'), header.string('value') ?? ''] as const),
  }
}

/** A port by its number, or by the name that the container gives it. */
function readPort(fields: Fields<{ port: number | string }>, ports: readonly Port[]): number {
  const given = fields.integerOrString('port') ?? missing(fields.path, 'port')
  const port =
    typeof given === 'number' ? given : (ports.find(({ name }) => name === given)?.containerPort ?? Number(given))
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw invalidArgument(
    `${fields.path}.port: "${given}" is neither a port's number nor the name of one of the container's`,
  )
}

function missing(path: string, what: string): never {
  throw invalidArgument(`${path} needs ${what}`)
}
