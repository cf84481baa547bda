import { BerthError } from '../lib/errors.ts'

/** Too many URLs wait for their clients. */
export const resourceExhausted = (limit: number) =>
  new BerthError(
    'resource-exhausted',
    `${limit} exec, attach and port-forward URLs are waiting for their clients; each is dropped after a minute: try later`,
  )
