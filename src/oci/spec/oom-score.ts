import type { LinuxContainerResources } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'

/**
 * The oom_score_adj of a container: what is asked for, but not below this process's own when it may not lower it
 * (proc_pid_oom_score_adj(5): that takes CAP_SYS_RESOURCE). When no resources are given it is 0:
 * it must never be this process's own, which is that of a part of the node.
 */
export function oomScoreAdj(
  resources: Pick<LinuxContainerResources, 'oomScoreAdj'> | undefined,
  host: { readonly oomScoreAdj: number; readonly mayLowerOomScore: boolean },
): number {
  const wanted = Number(resources?.oomScoreAdj ?? 0n)
  if (wanted < -1000 || wanted > 1000) {
    throw invalidArgument(`resources.oom_score_adj must be between -1000 and 1000, not ${wanted}`)
  }
  return host.mayLowerOomScore ? wanted : Math.max(wanted, host.oomScoreAdj)
}
