import { readFileSync, writeFileSync } from 'node:fs'

const file = '/proc/self/oom_score_adj'

/**
 * Says how soon the kernel should choose this process when memory runs out: oom_score_adj, from -1000 (never, which is left as it
 * is) to 1000. What it starts inherits that. Without CAP_SYS_RESOURCE it cannot be lowered (proc_pid_oom_score_adj(5)), and
 * stays as the service manager has set it.
 */
export function setOomScore(score: number): void {
  try {
    if (Number(readFileSync(file, 'utf8')) !== -1000) writeFileSync(file, String(score))
  } catch {}
}
