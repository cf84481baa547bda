import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import { type PodSandboxConfig, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import type { RecordKind } from './record-table.ts'
import type { RuntimeCommand } from './runtime-command.ts'
import type { SandboxState } from './sandbox-state.ts'

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

export const sandboxRecords: RecordKind<SandboxRecord> = {
  table: 'sandboxes',
  version: 1,
  encode: (record): Body => ({
    ...record,
    config: toJson(PodSandboxConfigSchema, record.config),
    createdAt: String(record.createdAt),
  }),
  decode: (body) => {
    const stored = body as Body
    return {
      ...stored,
      config: fromJson(PodSandboxConfigSchema, stored.config, { ignoreUnknownFields: true }),
      createdAt: BigInt(stored.createdAt),
    }
  },
}
