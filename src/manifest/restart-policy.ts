import { invalidArgument } from '../lib/errors.ts'

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

/** @throws BerthError invalid-argument with the field's path */
export function checkRestartPolicy(policy: string, path: string): RestartPolicy {
  if (policy === 'Always' || policy === 'OnFailure' || policy === 'Never') return policy
  throw invalidArgument(`${path} must be Always, OnFailure or Never`)
}

/** Whether a container that ended with this exit code is started again. */
export function restarts(policy: RestartPolicy, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}
