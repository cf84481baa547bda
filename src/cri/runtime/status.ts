import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { verboseInfo } from '../shape/verbose.ts'

/** Asked for every few seconds: next to nothing is looked up. */
export const status: HandlerOf<typeof RuntimeService, 'status'> = (
  { about, calls, images, network, pods },
  { verbose },
) => {
  const { ready, reason, message, configName } = network.ready()
  const runtime = pods.ready()
  return {
    status: {
      conditions: [
        {
          type: 'RuntimeReady',
          status: runtime.ready,
          reason: runtime.ready ? '' : 'NoRuntime',
          message: runtime.message,
        },
        { type: 'NetworkReady', status: ready, reason, message },
      ],
    },
    runtimeHandlers: [{ ...about.handlers[0], name: '' }, ...about.handlers].map((handler) => ({
      name: handler.name,
      features: {
        recursiveReadOnlyMounts: handler.recursiveReadOnlyMounts ?? false,
        userNamespaces: handler.userNamespaces ?? false,
      },
    })),
    features: { supplementalGroupsPolicy: true },
    ...verboseInfo(verbose, () => ({
      config: about.config,
      configReading: about.configReading,
      network: { ready, reason, message, configName },
      operations: pods.operations(),
      findings: pods.recordFindings(),
      pulls: images.progress(),
      calls: calls.underWay(),
      failures: calls.failures(),
    })),
  }
}
