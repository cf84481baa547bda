import { create, type JsonValue, toJson } from '@bufbuild/protobuf'
import * as v from 'valibot'
import { type PodSandboxConfig, PodSandboxConfigSchema, PodSandboxMetadataSchema } from '../gen/cri_pb.ts'
import type { RecordKind } from './record-table.ts'
import type { RuntimeCommand } from './runtime-command.ts'
import type { SandboxState } from './sandbox-state.ts'
import { idText, isId, messageJson, objectOf, salvaged, salvagedMessage, timeText } from './stored-fields.ts'

/** All that berthd keeps of a sandbox. The paths of its parts follow from its id. */
export interface SandboxRecord {
  readonly id: string
  /** As the client gave it; labels and annotations go back byte for byte. */
  readonly config: PodSandboxConfig
  /** Fingerprint of the request, to tell a repeated one from another under the same name. */
  readonly fingerprint: string
  /** `''` for the default. */
  readonly runtimeHandler: string
  /** The OCI runtime behind it when the sandbox was made; absent in records of before this was kept. */
  readonly runtime?: RecordedRuntime
  readonly createdAt: bigint
  /** The shim of all its containers. */
  readonly shim: string
  /** Primary address first; empty on the host's network and before it has any. */
  readonly ips: readonly string[]
  readonly state: SandboxState
}

/** How to call the OCI runtime of a pod, also when its handler is no longer configured. */
export interface RecordedRuntime extends RuntimeCommand {
  readonly cgroupDriver: 'cgroupfs' | 'systemd'
}

type Body = Omit<SandboxRecord, 'config' | 'createdAt'> & { readonly config: JsonValue; readonly createdAt: string }

const text = v.string()

const runtime = v.object({
  name: text,
  path: text,
  root: text,
  args: v.exactOptional(v.array(text)),
  systemdCgroup: v.exactOptional(v.boolean()),
  noPivot: v.exactOptional(v.boolean()),
  cgroupDriver: v.picklist(['cgroupfs', 'systemd']),
})

const state = v.variant('phase', [
  v.object({ phase: v.picklist(['creating', 'ready']) }),
  v.object({ phase: v.picklist(['stopping', 'stopped', 'unknown']), reason: text }),
])

/** The name of a shim: it becomes that of a socket. */
const shimName = v.pipe(text, v.regex(/^[0-9]{1,9}$/, 'is not the name of a shim'))

const body = v.object({
  id: idText,
  config: messageJson(PodSandboxConfigSchema),
  fingerprint: text,
  runtimeHandler: text,
  runtime: v.exactOptional(runtime),
  createdAt: timeText,
  shim: shimName,
  ips: v.array(text),
  state,
})

export const sandboxRecords: RecordKind<SandboxRecord> = {
  table: 'sandboxes',
  version: 1,
  encode: (record): Body => ({
    ...record,
    config: toJson(PodSandboxConfigSchema, record.config),
    createdAt: String(record.createdAt),
  }),
  decode(stored, _, id): SandboxRecord {
    const record = v.parse(body, stored)
    if (record.id !== id) throw new Error(`it is the record of another sandbox, ${record.id}`)
    if (!record.config.metadata) throw new Error('it has no metadata')
    return record
  },
  salvage: (id, stored, problem) => (isId(id) ? salvageSandbox(id, objectOf(stored), problem) : undefined),
}

/**
 * A sandbox of which only that much is known. It is not ready, and can be stopped and removed. The name that it goes by when
 * its own is lost is nobody else's.
 */
export function salvageSandbox(id: string, stored: Readonly<Record<string, unknown>>, problem: string): SandboxRecord {
  const config = salvagedMessage(PodSandboxConfigSchema, stored.config)
  const nameless = { name: `unreadable-${id.slice(0, 12)}`, namespace: 'unreadable', uid: id }
  const { name, namespace, uid } = config.metadata ?? {}
  const known = salvaged(v.exactOptional(runtime), stored.runtime, undefined)
  const reason = `its record cannot be read (${problem}); remove it`
  return {
    id,
    config: create(PodSandboxConfigSchema, {
      ...(config as PodSandboxConfig),
      metadata: name && namespace && uid ? config.metadata : create(PodSandboxMetadataSchema, nameless),
    }),
    fingerprint: salvaged(text, stored.fingerprint, ''),
    runtimeHandler: salvaged(text, stored.runtimeHandler, ''),
    ...(known && { runtime: known }),
    createdAt: salvaged(timeText, stored.createdAt, 0n),
    shim: salvaged(shimName, stored.shim, '0'),
    ips: salvaged(v.array(text), stored.ips, []),
    state: salvaged<SandboxState>(state, stored.state, { phase: 'unknown', reason }),
  }
}
