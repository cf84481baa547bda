import type { Case } from '../run/bench.ts'
import { cpuOfPod } from './cpu.ts'
import { execSync } from './exec-sync.ts'
import { held } from './held.ts'
import { logs } from './logs.ts'
import { parallel } from './parallel.ts'
import { pod } from './pod.ts'
import { probesAtOnce } from './probes.ts'
import { pull } from './pull.ts'
import { start } from './start.ts'
import { streams } from './streams.ts'

/** In the order in which they run: `pull` first, since ext4 may make files slowly where others, of pods, have just been deleted. */
export const allCases: readonly Case[] = [
  pull,
  pod,
  parallel,
  cpuOfPod,
  execSync,
  probesAtOnce,
  logs,
  streams,
  start,
  held,
]
