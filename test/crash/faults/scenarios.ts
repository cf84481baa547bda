import {
  execStream,
  execSync,
  exit,
  kill,
  print,
  removeContainer,
  reopenLog,
  startContainer,
  stopGracefully,
  takeOver,
} from './container-scenarios.ts'
import { createWithVolumes, pullArtifact, pullImage, removeWithVolumes } from './image-scenarios.ts'
import { pluginScenarios } from './plugin-scenarios.ts'
import { createContainer, removePodSandbox, runPodSandbox, stopPodSandbox } from './sandbox-scenarios.ts'
import type { Scenario } from './scenario.ts'

/** Those of which `npm test` has every point. The others are in `npm run crash` alone. */
export const everyDay: ReadonlySet<Scenario> = new Set([runPodSandbox, createContainer, startContainer])

/** Those of which `npm test` has some points, other ones every day. */
export const inTurns: ReadonlySet<Scenario> = new Set([
  execSync,
  reopenLog,
  stopGracefully,
  kill,
  removeContainer,
  stopPodSandbox,
  removePodSandbox,
  createWithVolumes,
])

export const scenarios: readonly Scenario[] = [
  pullImage,
  pullArtifact,
  runPodSandbox,
  createContainer,
  createWithVolumes,
  startContainer,
  takeOver,
  execSync,
  execStream,
  reopenLog,
  print,
  exit,
  stopGracefully,
  kill,
  removeContainer,
  removeWithVolumes,
  stopPodSandbox,
  removePodSandbox,
  ...pluginScenarios,
]
