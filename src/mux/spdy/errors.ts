import { invalidArgument } from '../../lib/errors.ts'

/** The peer broke SPDY/3.1 in a way after which nothing that it sends can be understood: the connection ends. */
export const protocolError = (what: string, cause?: unknown) => invalidArgument(`SPDY: ${what}`, cause)
