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

/** Those that `npm test` has a part of. The others are in `npm run crash` alone until a run of all of them has passed. */
export const proven: ReadonlySet<Scenario> = new Set([runPodSandbox, startContainer])

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
