import { check, libc } from './libc.ts'

const PR_SET_CHILD_SUBREAPER = 36

/** Makes this process the one that orphaned descendants come to, instead of pid 1 (prctl(2)). It must reap them. */
export function becomeSubreaper(): void {
  check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 'prctl')
}
