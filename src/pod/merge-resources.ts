import { create } from '@bufbuild/protobuf'
import { type LinuxContainerResources, LinuxContainerResourcesSchema } from '../gen/cri_pb.ts'

/**
 * The resources of a container after a request to change them. In the CRI, 0 and empty mean "not given": what is not given
 * stays. A new memory limit without a limit on memory and swap together allows no swap, as at creation. The OOM score is the
 * process's own from its start on, and not changed.
 */
export function mergeResources(
  before: LinuxContainerResources | undefined,
  asked: LinuxContainerResources,
): LinuxContainerResources {
  const was = before ?? create(LinuxContainerResourcesSchema)
  const pages = new Map([...was.hugepageLimits, ...asked.hugepageLimits].map((limit) => [limit.pageSize, limit]))
  return create(LinuxContainerResourcesSchema, {
    cpuPeriod: asked.cpuPeriod || was.cpuPeriod,
    cpuQuota: asked.cpuQuota || was.cpuQuota,
    cpuShares: asked.cpuShares || was.cpuShares,
    memoryLimitInBytes: asked.memoryLimitInBytes || was.memoryLimitInBytes,
    memorySwapLimitInBytes:
      asked.memoryLimitInBytes === 0n
        ? asked.memorySwapLimitInBytes || was.memorySwapLimitInBytes
        : asked.memorySwapLimitInBytes,
    oomScoreAdj: was.oomScoreAdj,
    cpusetCpus: asked.cpusetCpus || was.cpusetCpus,
    cpusetMems: asked.cpusetMems || was.cpusetMems,
    hugepageLimits: [...pages.values()],
    unified: { ...was.unified, ...asked.unified },
  })
}
