import { create } from '@bufbuild/protobuf'
import { type PodSandbox, PodSandboxSchema } from '../../gen/nri_pb.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'
import { resourcesOfCri } from './resources.ts'

/** What plugins see of a pod's namespaces, by the names of the runtime-spec. */
export interface PodNamespace {
  readonly type: string
  readonly path: string
}

/** A pod as plugins see it. */
export function podMessage(record: SandboxRecord, namespaces: readonly PodNamespace[]): PodSandbox {
  const { metadata, labels, annotations, linux } = record.config
  const overhead = resourcesOfCri(linux?.overhead)
  const resources = resourcesOfCri(linux?.resources)
  return create(PodSandboxSchema, {
    id: record.id,
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    namespace: metadata?.namespace ?? '',
    labels,
    annotations,
    runtimeHandler: record.runtimeHandler,
    ips: [...record.ips],
    linux: {
      ...(overhead && { podOverhead: overhead }),
      ...(resources && { podResources: resources }),
      cgroupParent: linux?.cgroupParent ?? '',
      namespaces: namespaces.map(({ type, path }) => ({ type, path })),
    },
  })
}
