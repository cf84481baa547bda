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
