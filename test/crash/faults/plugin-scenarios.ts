import type { FaultPointName } from '../../../src/lib/fault-point-names.ts'
import { startContainer } from './container-scenarios.ts'
import type { CrashWorld } from './crash-world.ts'
import { createContainer, runPodSandbox, stopPodSandbox } from './sandbox-scenarios.ts'
import type { Scenario } from './scenario.ts'

/** The scenario with an NRI plugin installed, interrupted around its part in it. */
function withPlugin(scenario: Scenario, points: readonly FaultPointName[]): Scenario {
  return {
    ...scenario,
    operation: `${scenario.operation}, an NRI plugin`,
    withPlugin: true,
    points,
    async prepare(world) {
      const subject = await scenario.prepare(world)
      return {
        ...subject,
        async retry() {
          await subject.retry()
          await pluginIsAsked(world)
        },
      }
    },
  }
}

/** It gives each container a variable. */
async function pluginIsAsked({ client }: CrashWorld): Promise<void> {
  const pod = await client.runSandbox(client.sandboxConfig('asked'))
  await client.logged(await client.runContainer(pod, client.containerConfig('c', 'echo "$INSTALLED"')), 'by the plugin')
  await client.removeSandbox(pod)
}

export const pluginScenarios: readonly Scenario[] = [
  withPlugin(runPodSandbox, ['run-sandbox:network-attached', 'run-sandbox:plugins-asked', 'run-sandbox:made']),
  withPlugin(createContainer, [
    'create-container:configured',
    'create-container:plugins-asked',
    'create-container:made',
  ]),
  withPlugin(startContainer, ['start-container:recorded', 'start-container:plugins-asked', 'start-container:running']),
  withPlugin(stopPodSandbox, ['stop-sandbox:plugins-told', 'stop-sandbox:stopped']),
]
