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
import { pullImage } from './image-scenarios.ts'
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
])

export const scenarios: readonly Scenario[] = [
  pullImage,
  runPodSandbox,
  createContainer,
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
  stopPodSandbox,
  removePodSandbox,
]
