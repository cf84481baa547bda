import * as v from 'valibot'
import type { RecordKind } from '../state/record-table.ts'
import { decodeNetworkConfiguration, type NetworkConfiguration } from './network-configuration.ts'
import { decodePluginResult, type PluginResult } from './plugin-output.ts'
import type { RuntimeArguments } from './plugin-request.ts'
import type { Attachment, HostPort } from './port.ts'

/**
 * What must be known to undo an attachment at any later time, written before the first plugin runs:
 *
 *     (none) ──attach──▶ adding ──all plugins ADDed──▶ attached
 *                          │ a plugin failed, gave up      │ detach
 *                          ▼                               ▼
 *                       detaching ◀────────────────────────┘ ──all plugins DELed──▶ (none)
 *
 * `adding` and `detaching` found at start are those of a crash.
 */
export interface AttachmentRecord {
  readonly stage: 'adding' | 'attached' | 'detaching'
  /** The configuration that it was ADDed with; the file may be another by the time of DEL. */
  readonly configuration: NetworkConfiguration
  readonly runtime: RuntimeArguments
  readonly hostPorts: readonly HostPort[]
  /** Since `attached`, and kept while `detaching`. */
  readonly attachment?: Attachment
  /** The result of the last plugin that succeeded when not all did, for DEL. */
  readonly lastResult?: PluginResult
  /** Why the last DEL failed. */
  readonly error?: string
  /** The pod was not known yet; see `attachAhead` of `port.ts`. */
  readonly ahead?: boolean
}

const hostPortSchema = v.object({
  protocol: v.picklist(['tcp', 'udp', 'sctp']),
  containerPort: v.number(),
  hostPort: v.number(),
  hostIp: v.optional(v.string()),
})

const runtimeSchema = v.object({
  containerId: v.string(),
  netnsPath: v.string(),
  interfaceName: v.string(),
  args: v.array(v.tuple([v.string(), v.string()])),
  capabilityArgs: v.record(v.string(), v.unknown()),
})

const attachmentSchema = v.object({
  ips: v.array(v.string()),
  interfaceName: v.string(),
  network: v.string(),
  result: v.record(v.string(), v.unknown()),
  dns: v.object({ servers: v.array(v.string()), searches: v.array(v.string()), options: v.array(v.string()) }),
  hostPorts: v.array(hostPortSchema),
})

const recordSchema = v.object({
  stage: v.picklist(['adding', 'attached', 'detaching']),
  configuration: v.unknown(),
  runtime: runtimeSchema,
  hostPorts: v.array(hostPortSchema),
  attachment: v.optional(attachmentSchema),
  lastResult: v.optional(v.unknown()),
  error: v.optional(v.string()),
  ahead: v.optional(v.boolean()),
})

export const attachmentRecords: RecordKind<AttachmentRecord> = {
  table: 'attachments',
  version: 1,
  encode: (record) => record,
  decode(body) {
    const { configuration, lastResult, ...rest } = v.parse(recordSchema, body)
    return {
      ...rest,
      configuration: decodeNetworkConfiguration(configuration),
      ...(lastResult === undefined ? {} : { lastResult: decodePluginResult(lastResult) }),
    }
  },
}
